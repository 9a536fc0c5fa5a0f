"""A rollout begun, changed and ended."""

import pytest

from cloud.control.traffic import TrafficControl
from cloud.models.served_models import ServedModels
from cloud.models.tail import Tail
from protos import admin_pb2 as ap
from protos.errors import RequestError


def traffic(*tails: Tail) -> TrafficControl:
    return TrafficControl(ServedModels({tail.digest: tail for tail in tails}))


def asked(**fields: object) -> ap.SetTrafficRequest:
    return ap.SetTrafficRequest(**fields)  # type: ignore[arg-type]


def test_only_what_is_given_is_changed(tail: Tail, candidate: Tail) -> None:
    control = traffic(tail, candidate)
    told = control.set(asked(candidate=candidate.digest[:8], shadow=0.25))
    assert (told.candidate, told.stable, told.share, told.shadow) == (candidate.digest, tail.digest, 0, 0.25)
    told = control.set(asked(share=0.5, bounds=ap.Bounds(slowdown=0.1, failures=0.01, changed=0.05)))
    assert (told.share, told.shadow, told.automatic) == (0.5, 0.25, False)
    assert [found.measure for found in told.findings] == ["failures", "time", "answers"]
    assert control.set(asked(end=True)) == control.told() == ap.Traffic()


def test_it_ends_where_a_version_is_unloaded(tail: Tail, candidate: Tail) -> None:
    models = ServedModels({one.digest: one for one in (tail, candidate)})
    control = TrafficControl(models)
    control.set(asked(candidate=candidate.digest, share=1.0))
    assert control.recommended("camera") == candidate.digest
    models.withdraw(candidate.digest)
    assert control.recommended("camera") == ""
    assert control.rollout is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"share": 0.5}, "there is no rollout to change"),
        ({"candidate": "0" * 64}, "not the digest of one bundle that is served"),
        ({"candidate": "CANDIDATE", "share": 1.5}, "give 0 to 1"),
        ({"candidate": "CANDIDATE", "stable": "CANDIDATE"}, "name two bundles of one model"),
        ({"candidate": "CANDIDATE", "stable": "ENDLESS"}, "name two bundles of one model"),
        ({"candidate": "ENDLESS"}, "no other bundle of endless is served"),
        ({"candidate": "CANDIDATE", "bounds": ap.Bounds()}, "the bound of failures"),
    ],
)
def test_what_is_not_possible_is_refused_and_changes_nothing(
    tail: Tail, candidate: Tail, endless: Tail, fields: dict[str, object], why: str
) -> None:
    digests = {"CANDIDATE": candidate.digest, "ENDLESS": endless.digest}
    control = traffic(tail, candidate, endless)
    with pytest.raises(RequestError, match=why):
        control.set(asked(**{name: digests.get(str(value), value) for name, value in fields.items()}))
    assert control.rollout is None
