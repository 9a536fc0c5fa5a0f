"""Recommendations on a day that the cost model generated, so that the best cut is known."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.fleet.tuning.devices import HeldSettings, held_settings
from cloud.fleet.tuning.tune import Wishes, tune
from protos.costs.weights import Weights
from tests.cloud.fleet.tuning.generated import ARMS, BUNDLE, Machine, day, fleet, truth

SPLITS_ALONE = held_settings('{"rules": {"never_upload": true, "local": false}}')
CONNECTOR, VISION = "split@connector/int8-zstd", "split@vision.2/int8-zstd"
FORTY = 40


def machines(
    uplink: float, count: int = FORTY, settings: HeldSettings = SPLITS_ALONE, seed: int = 1
) -> list[Machine]:
    """That differ: in how fast they are, and in their links."""

    def make(index: int, random: np.random.Generator) -> Machine:
        slow, rate = np.exp(0.1 * random.standard_normal(2))
        return Machine(f"m{uplink}-{index}", slow=float(slow), uplink=uplink * float(rate), settings=settings)

    return fleet(count, make, seed)


@pytest.mark.parametrize(("uplink", "best"), [(0.3, CONNECTOR), (60.0, VISION)])
def test_the_cut_that_is_known_to_be_best_is_found(uplink: float, best: str) -> None:
    """Few bytes where the link is slow, little work where it is fast; the cloud is slower than reported."""
    (group,) = tune(BUNDLE, day(machines(uplink), cloud=1.3), Wishes(Weights(accuracy_point=0)))["groups"]
    assert group["best"] == best
    cut = best.removeprefix("split@").partition("/")[0]
    assert group["settings"]["cuts"] == {"pinned": cut, "codec": "int8-zstd"}


def test_the_best_of_each_class_is_told_apart() -> None:
    seen = day([*machines(0.3), *machines(60.0)])
    groups = tune(BUNDLE, seen, Wishes(Weights(accuracy_point=0)))["groups"]
    assert {one["link_class"]: one["best"] for one in groups} == {"under-1": CONNECTOR, "over-20": VISION}


def test_what_nobody_has_done_yet_is_predicted() -> None:
    """All answer by the connector; the truth of every other way is known here."""
    made = machines(0.3, settings=HeldSettings())
    (group,) = tune(BUNDLE, day(made, cloud=1.3), Wishes())["groups"]
    for point in group["points"]:
        true = float(np.mean([truth(one, point["name"], cloud=1.3) for one in made]))
        assert point["milliseconds"]["value"] == pytest.approx(true, rel=0.05), point["name"]
        assert (point["answers"] > 0) == (point["name"] == CONNECTOR)


def test_an_interval_covers_as_often_as_it_says() -> None:
    """95%, of the mean and the P95 over all devices that there might be, in 80 fleets with a fixed seed."""
    many = machines(0.3, count=4_000, seed=99)
    true = float(np.mean([truth(one, CONNECTOR) for one in many]))
    (whole,) = tune(BUNDLE, day(many[:2_000]), Wishes())["groups"]
    covered = np.zeros(2)
    for seed in range(80):
        made = [replace(one, name=f"{seed}-{one.name}") for one in machines(0.3, count=30, seed=seed)]
        (group,) = tune(BUNDLE, day(made, seed=seed), Wishes(kind="Orin", link_class="under-1"))["groups"]
        today = group["today"]
        covered += [
            today["milliseconds"]["low"] <= true <= today["milliseconds"]["high"],
            today["p95"]["low"] <= whole["today"]["p95"]["value"] <= today["p95"]["high"],
        ]
    assert (covered >= 80 * 0.87).all(), covered / 80
    assert covered[0] < 80, "one that covers always is too wide"


def test_of_few_devices_and_of_unused_links_nothing_is_claimed() -> None:
    alone = [replace(one, kind="Pi", arms={"local": 1.0}, settings=HeldSettings()) for one in machines(1.0)]
    seen = day([*machines(0.3, count=4), *alone])
    for half in seen.halves:
        half.sums["doubt"][4:] = 2.0 * half.sums["links"][4:]  # a rate that nobody has tried
    found = tune(BUNDLE, seen, Wishes())
    assert found["groups"] == []
    reasons = {one["class"]: one["reason"] for one in found["not_known"]}
    assert "4 of 4 devices" in reasons["Orin"]
    assert "no link that they have used" in reasons["Pi"]


def test_a_device_that_lies_moves_nobody_else() -> None:
    """It claims a billion answers of an hour each."""
    made = machines(0.3)
    (before,) = tune(BUNDLE, day(made), Wishes())["groups"]
    seen = day([*made, replace(made[0], name="liar")])
    for half in seen.halves:
        for arm in half.arms.values():
            for name in ("count", "timed", "milliseconds"):
                arm[name][-1] = 1e9 * (3.6e6 if name == "milliseconds" else 1.0)
        half.sums["answers"][-1] = 1e9
        half.sums["stage_tail"][-1] = half.sums["stage_total"][-1] = 3.6e15
    (after,) = tune(BUNDLE, seen, Wishes())["groups"]
    assert (after["left_out"], after["devices"]) == (1, FORTY)
    assert after["today"] == before["today"]
    assert [one["milliseconds"] for one in after["points"]] == [
        one["milliseconds"] for one in before["points"]
    ]


def test_what_is_less_accurate_than_asked_is_not_recommended() -> None:
    cheap = Weights(accuracy_point=0, kilobyte=1_000)
    made = day(machines(0.3, settings=held_settings('{"rules": {"local": false}}')))
    (anything,) = tune(BUNDLE, made, Wishes(cheap))["groups"]
    assert anything["best"] == "upload@webp-15"
    (accurate,) = tune(BUNDLE, made, Wishes(cheap, min_accuracy=94.0))["groups"]
    assert accurate["best"] == CONNECTOR
    assert accurate["settings"]["rules"]["max_loss"] < ARMS["upload@webp-15"].loss


def test_a_pin_that_a_rollout_cannot_take_away_is_reckoned_with() -> None:
    pinned = held_settings(
        '{"cuts": {"pinned": "connector"}, "rules": {"never_upload": true, "local": false}}'
    )
    (group,) = tune(BUNDLE, day(machines(60.0, settings=pinned)), Wishes(Weights(accuracy_point=0)))["groups"]
    assert group["policy"]["arms"] == {CONNECTOR: 1.0}
    assert group["best"] == VISION


def test_the_guards_of_a_rollout_allow_what_is_foreseen() -> None:
    (group,) = tune(BUNDLE, day(machines(60.0)), Wishes(Weights(accuracy_point=0)))["groups"]
    assert group["guards"] == {"bytes": None}, "ten times the bytes: that guard can but be off"
    (same,) = tune(BUNDLE, day(machines(0.3)), Wishes(Weights(accuracy_point=0)))["groups"]
    assert same["best"] == CONNECTOR
    assert "bytes" not in same["guards"]
