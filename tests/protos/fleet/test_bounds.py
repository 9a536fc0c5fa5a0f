from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from protos import fleet_pb2 as pb
from protos.fleet.bounds import BOUNDS, violations


def fields(message: Any, above: str = "") -> Iterator[str]:
    """Every path that needs bounds: a switch has none."""
    for field in message.fields:
        path = above + field.name
        if field.is_repeated:
            yield path
            path += "[]"
        if field.message_type:
            yield from fields(field.message_type, f"{path}.")
        elif field.type != FieldDescriptor.TYPE_BOOL:
            yield path


def test_every_field_has_bounds() -> None:
    assert sorted(fields(pb.FleetSettings.DESCRIPTOR)) == sorted(bound.field for bound in BOUNDS)


def test_what_an_operator_may_wish_for_has_no_violations() -> None:
    settings = pb.FleetSettings(
        bundle=pb.BundleReference(digest="a" * 64, url="https://models.example/b.tar.zst"),
        cuts=pb.Cuts(allowed=["vision.4", "connector"], pinned="vision.4", codec="vq"),
        weights=pb.FleetWeights(accuracy=50, joule=0),
        rules=pb.FleetRules(deadline_milliseconds=0, confidence=0.95, battery_floor=20, local=True),
        sources=[
            pb.FleetSource(name="gate", rate=0.5, questions=[pb.FleetQuestion(name="open", text="Open?")])
        ],
        telemetry_seconds=0,
    )
    assert violations(settings) == []
    assert violations(pb.FleetSettings()) == []


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        (
            pb.FleetSettings(telemetry_seconds=90_000),
            "settings.telemetry_seconds",
            "90000 s; give from 0 to 86400 s",
        ),
        (pb.FleetSettings(bundle={}), "settings.bundle.digest", "of 0 bytes; give 64 bytes"),
        (pb.FleetSettings(bundle={"digest": "Z" * 64}), "settings.bundle.digest", "hexadecimal"),
        (
            pb.FleetSettings(bundle={"digest": "a" * 64, "url": "file:///etc"}),
            "settings.bundle.url",
            "https://",
        ),
        (
            pb.FleetSettings(bundle={"digest": "a" * 64, "url": "https://me:pass@host/"}),
            "settings.bundle.url",
            "without a password",
        ),
        (pb.FleetSettings(cuts={"allowed": ["a", ""]}), "settings.cuts.allowed[1]", "of 0 bytes"),
        (pb.FleetSettings(cuts={"codec": "vq"}), "settings.cuts.codec", "without a pinned cut"),
        (pb.FleetSettings(cuts={"pinned": "a", "allowed": ["b"]}), "settings.cuts.pinned", "not among"),
        (pb.FleetSettings(rules={"confidence": float("nan")}), "settings.rules.confidence", "nan"),
        (
            pb.FleetSettings(rules={"never_leave_device": True, "local": False}),
            "settings.rules.local",
            "neither",
        ),
        (pb.FleetSettings(sources=[{"name": "a", "rate": 0}]), "settings.sources[0].rate", "frames a second"),
        (pb.FleetSettings(sources=[{"name": "a/b"}]), "settings.sources[0].name", "a name of"),
        (pb.FleetSettings(sources=[{"name": "a"}, {"name": "a"}]), "settings.sources[1].name", "of two"),
        (
            pb.FleetSettings(
                sources=[{"name": "a", "questions": [{"name": "q", "labels": ["x", "y" * 257]}]}]
            ),
            "settings.sources[0].questions[0].labels[1]",
            "of 257 bytes",
        ),
    ],
)
def test_a_wish_out_of_bounds_is_named_with_what_to_give(
    settings: pb.FleetSettings, field: str, words: str
) -> None:
    (found,) = violations(settings)
    assert found.field == field
    assert words in found.text
