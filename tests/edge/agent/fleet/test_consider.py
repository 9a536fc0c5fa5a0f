"""What a device takes of what operators wish, with plain values and a real bundle."""

from pathlib import Path
from typing import Any

import pytest

from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.config.reading import settings_of
from edge.agent.config.settings import AgentSettings
from edge.agent.fleet.consider import Considered, DeviceNow, Given, Reason, consider
from edge.agent.fleet.overlay import overlaid, update_of
from edge.agent.fleet.reported import fitting, told_settings
from protos import fleet_pb2 as pb
from protos.bundle import Bundle
from protos.fleet.messages import from_json, max_bytes, to_json

FLEET = {"address": "mqtt://127.0.0.1", "name": "plant"}
QUESTION = {"name": "what", "text": "what is it?", "event": [{"name": "new", "changed": True}]}
SOURCE = {"kind": "folder", "name": "gate", "path": "in", "question": [QUESTION]}


def base(**more: Any) -> AgentSettings:
    return settings_of({"fleet": FLEET, "source": [SOURCE], "cloud": {"address": "127.0.0.1:1"}} | more)


def considered(
    bundle: Bundle, wish: bytes | pb.FleetSettings, given: Given | None = None, **more: Any
) -> Considered:
    data = wish if isinstance(wish, bytes) else to_json(pb.Desired(version=5, settings=wish))
    return consider(data, given or Given(4, "x"), DeviceNow(base(**more), bundle, bundle.digest))


def refused(bundle: Bundle, wish: bytes | pb.FleetSettings, **more: Any) -> pb.Refusal:
    found = considered(bundle, wish, **more).refused
    assert found
    return found


def test_a_wish_is_taken_and_told_again_is_nothing_new(bundle: Bundle) -> None:
    wish = pb.FleetSettings(cuts={"pinned": bundle.manifest.cuts[0].name})
    first = considered(bundle, wish)
    assert (first.refused, first.again, first.given.version) == (None, False, 5)
    assert considered(bundle, wish, first.given).again


def test_an_older_version_and_another_text_of_the_same_one_are_stale(bundle: Bundle) -> None:
    first = considered(bundle, pb.FleetSettings(weights={"joule": 1}))
    other = considered(bundle, pb.FleetSettings(weights={"joule": 2}), first.given)
    older = considered(bundle, pb.FleetSettings(), Given(6, ""))
    for found, remedy in ((other, "give 6"), (older, "give 7")):
        assert found.refused
        assert found.refused.reason == Reason.STALE
        assert remedy in found.refused.text
    assert (other.given, older.given) == (first.given, Given(6, ""))


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"version": 9, "colour": "red"}', b"\xff", b" " * (max_bytes(pb.Desired) + 1)]
)
def test_what_is_no_message_is_malformed_and_counts_for_nothing(bundle: Bundle, data: bytes) -> None:
    found = considered(bundle, data)
    assert found.refused
    assert (found.refused.reason, found.given.version) == (Reason.MALFORMED, 4)


@pytest.mark.parametrize("version", [0, 1 << 53])
def test_a_version_that_would_end_all_others_is_out_of_bounds(bundle: Bundle, version: int) -> None:
    found = considered(bundle, to_json(pb.Desired(version=version)))
    assert found.refused
    assert (found.refused.field, found.given.version) == ("version", 4)


def test_a_wish_out_of_bounds_is_refused_and_its_version_counts(bundle: Bundle) -> None:
    found = considered(bundle, pb.FleetSettings(rules={"confidence": 2}))
    assert found.refused
    assert (found.refused.reason, found.refused.field) == (Reason.OUT_OF_BOUNDS, "settings.rules.confidence")
    assert found.given.version == 5


@pytest.mark.parametrize(
    ("wish", "field", "words"),
    [
        ({"cuts": {"pinned": "vision.99"}}, "settings.cuts.pinned", "choose one of"),
        ({"cuts": {"allowed": ["connector", "vison"]}}, "settings.cuts.allowed[1]", "no cut 'vison'"),
        ({"cuts": {"pinned": "connector", "codec": "mp3"}}, "settings.cuts.codec", "no codec 'mp3'"),
        ({"sources": [{"name": "gates"}]}, "settings.sources[0].name", "choose among: gate"),
        (
            {"sources": [{"name": "gate", "questions": [{"name": "q", "text": ""}]}]},
            "settings.sources[0].questions[0].text",
            "empty",
        ),
        ({"bundle": {"digest": "a" * 64}}, "settings.bundle.url", "give its url"),
        (
            {"bundle": {"digest": "a" * 64, "url": "http://far.example/a.tar"}},
            "settings.bundle.url",
            "https://",
        ),
    ],
)
def test_what_this_device_cannot_be_is_refused_with_what_it_can(
    bundle: Bundle, wish: dict[str, Any], field: str, words: str
) -> None:
    found = refused(bundle, pb.FleetSettings(**wish))
    assert (found.reason, found.field) == (Reason.IMPOSSIBLE, field)
    assert words in found.text


def test_a_wish_that_leaves_no_way_to_answer_is_refused(bundle: Bundle) -> None:
    rules = pb.FleetRules(local=False, never_upload=True)
    assert considered(bundle, pb.FleetSettings(rules=rules)).refused is None, "features may still be sent"
    found = refused(bundle, pb.FleetSettings(rules=rules), rules={"never-leave-device": True})
    assert found.field == "settings.rules"
    assert "source gate would have no way to answer" in found.text


def test_the_files_own_prohibitions_stay() -> None:
    own = base(rules={"never-upload": True, "never-leave-device": True})
    rules = overlaid(own, pb.FleetSettings(rules={"never_upload": False, "never_leave_device": False})).rules
    assert (rules.never_upload, rules.never_leave_device) == (True, True)


def test_a_wish_is_laid_over_the_rules_of_the_agent_and_of_a_source() -> None:
    own = base(source=[SOURCE | {"rules": {"deadline": "300ms", "bytes-per-day": "1MB"}}])
    wish = pb.FleetSettings(
        cuts={"pinned": "connector", "codec": "vq"}, rules={"deadline_milliseconds": 0, "confidence": 0.5}
    )
    found = overlaid(own, wish)
    rules = found.source[0].rules
    assert rules
    assert (rules.deadline, rules.confidence, rules.cuts, rules.codec) == (None, 0.5, ("connector",), "vq")
    assert rules.bytes_per_day == 1_000_000, "what is absent is as the file says"
    assert found.rules.cuts == ("connector",)


def test_questions_take_the_place_of_a_sources_own_and_one_of_the_same_name_keeps_its_events() -> None:
    wish = pb.FleetSettings(
        sources=[
            {
                "name": "gate",
                "rate": 3,
                "questions": [{"name": "what", "text": "A?"}, {"name": "b", "text": "B?"}],
            }
        ]
    )
    (source,) = overlaid(base(), wish).source
    assert [one.text for one in source.question] == ["A?", "B?"]
    assert [one.name for one in source.question[0].event] == ["new"]
    assert source.rate == 3.0


def test_the_files_token_goes_to_its_own_host_only(tmp_path: Path) -> None:
    token = tmp_path / "token"
    update = {"url": "https://own.example/{digest}.tar", "digest": "b" * 64, "token-file": str(token)}
    for host, sent in (("own.example", token), ("other.example", None)):
        reference = pb.BundleReference(digest="a" * 64, url=f"https://{host}/a.tar")
        found = update_of(base(update=update), reference, "")
        assert found
        assert (found.token_file, found.digest) == (sent, "a" * 64)


def test_what_is_reported_is_complete_and_a_wish_itself() -> None:
    own = base(source=[SOURCE | {"bytes-per-day": "1MB"}], rules={"deadline": "300ms"})
    told = told_settings(own, "a" * 64)
    assert overlaid(base(), told) == overlaid(own, pb.FleetSettings())
    assert (told.telemetry_seconds, told.agreement_percent, told.agreement_bytes_per_hour) == (30, 1, 10**6)


def test_how_many_answers_are_compared_is_an_operators_to_say() -> None:
    fleet = {"address": "mqtt://127.0.0.1", "agreement": "5%"}
    found = overlaid(base(fleet=fleet), pb.FleetSettings(agreement_bytes_per_hour=20_000)).fleet
    assert isinstance(found, FleetAccess)
    assert (found.agreement, found.agreement_bytes) == (5.0, 20_000)
    found = overlaid(base(fleet=fleet), pb.FleetSettings(agreement_percent=0)).fleet
    assert isinstance(found, FleetAccess)
    assert found.agreement == 0.0


def test_a_report_that_is_too_large_leaves_out_questions() -> None:
    questions = [{"name": f"q{number}", "text": "x" * 4000} for number in range(40)]
    told = told_settings(base(source=[SOURCE | {"question": questions}]), "a" * 64)
    found = from_json(pb.Reported, fitting(pb.Reported(version=3, settings=told)))
    assert (found.version, found.settings.sources[0].name) == (3, "gate")
    assert not found.settings.sources[0].questions
