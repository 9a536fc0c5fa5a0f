"""Drift that was planted is found with its cause, and little else."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from cloud.fleet.tuning.drift import LINK, OTHER_LOAD, PICTURES, THROTTLED, drift
from tests.cloud.fleet.tuning.generated import BUNDLE, Machine, day, fleet

PLANTED: Mapping[str, Mapping[str, float]] = {
    THROTTLED: {"slow": 1.6, "temperature": 75.0},
    OTHER_LOAD: {"slow": 1.5},
    LINK: {"uplink": 0.2},
    PICTURES: {"sizes": 2.0},
}
EACH = 10


def machines(count: int, seed: int = 1) -> list[Machine]:
    def make(index: int, random: np.random.Generator) -> Machine:
        slow, rate = np.exp([0.05, 0.3] * random.standard_normal(2))
        kind = "Orin" if index % 2 else "Pi"
        return Machine(f"d{index}", kind, slow=float(slow), uplink=3 * float(rate), agreed=0.97)

    return fleet(count, make, seed)


def test_each_planted_cause_is_found_and_at_most_the_stated_share_is_false() -> None:
    made, cause_of = machines(600), {}
    now = list(made)
    for place, (cause, changes) in enumerate(PLANTED.items()):
        for index in range(place * EACH, (place + 1) * EACH):
            now[index], cause_of[f"d{index}"] = replace(made[index], **changes), cause  # type: ignore[arg-type]
    found = drift(BUNDLE, day(now, seed=2), day(made, seed=1), rate=0.1)
    told = {one["device"]: one["cause"] for one in found["devices"]}
    assert {name: told.get(name) for name in cause_of} == cause_of
    assert len(told) - len(cause_of) <= 0.1 * len(told) + 2
    severities = [one["severity"] for one in found["devices"]]
    assert severities == sorted(severities, reverse=True)


def test_answers_that_no_longer_agree_are_other_pictures() -> None:
    made = machines(200)
    now = [replace(one, agreed=0.5) if one.name in {"d3", "d4"} else one for one in made]
    found = drift(BUNDLE, day(now, seed=2), day(made, seed=1))
    first, second, *_ = found["devices"]
    assert {first["device"], second["device"]} == {"d3", "d4"}
    assert {first["cause"], first["measure"]} == {PICTURES, "agreement"}


def test_of_many_devices_without_drift_hardly_any_is_listed() -> None:
    """Thirty fleets, of which at most a tenth may list any: that is what the rate means where all is well."""
    listed = []
    for seed in range(30):
        made = machines(100, seed)
        listed.append(drift(BUNDLE, day(made, seed=1_000 + seed), day(made, seed=seed))["found"])
    assert sum(count > 0 for count in listed) <= 6
    assert sum(listed) <= 8


def test_what_all_have_in_common_is_told_of_the_class() -> None:
    made = machines(100)
    now = [replace(one, slow=1.4 * one.slow) if one.kind == "Pi" else one for one in made]
    found = drift(BUNDLE, day(now, seed=2), day(made, seed=1))
    assert found["devices"] == []
    assert [(one["class"], one["measure"]) for one in found["classes"]] == [("Pi", "local")]
    assert found["classes"][0]["value"] == pytest.approx(1.4, rel=0.05)


def test_a_device_that_told_too_little_is_not_judged() -> None:
    made = machines(60)
    quiet = [replace(one, an_hour=1) if one.name == "d0" else one for one in made]
    found = drift(BUNDLE, day(quiet, seed=2), day(made, seed=1))
    assert (found["judged"], found["not_judged"]) == (59, 1)
