"""What a simulated device answers: by the cost model, and the harm that is planted."""

import numpy as np
import pytest

from cloud.fleet.simulation.answering import SimulatedAnswers
from cloud.fleet.simulation.bundles import SimulatedBundle
from cloud.fleet.simulation.classes import CLASSES, class_of
from cloud.fleet.simulation.harms import Harm
from cloud.fleet.simulation.links import DrawnLink
from protos import fleet_pb2 as pb
from protos.fleet.sketch import sketch_of


def window(settings: pb.FleetSettings, *harms: Harm) -> pb.Telemetry:
    """Of always the same device on always the same link."""
    rng = np.random.default_rng(1)
    link = DrawnLink("wifi", rng)
    device = SimulatedAnswers(
        SimulatedBundle.at(None), CLASSES[0], link, rng, rate=10.0, failures=0.0, harms=harms
    )
    return device.window(settings, 1e9, 60.0)


def p95(told: pb.Telemetry) -> float:
    return sketch_of(arm.milliseconds for arm in told.arms if arm.status == "OK").quantile(0.95)


def pinned(cut: str) -> pb.FleetSettings:
    return pb.FleetSettings(cuts=pb.Cuts(pinned=cut, codec="pca"))


def test_a_pinned_cut_takes_what_the_cost_model_says() -> None:
    costs = {(one.arm.cut, one.arm.coding): one.cost for one in SimulatedBundle.at(None).arms}
    for cut in ("vision.4", "vision.12"):
        told = window(pinned(cut))
        assert {arm.cut for arm in told.arms} == {cut}
        slowness = sketch_of([told.stages["head"]]).mean / costs[cut, "pca"].head
        assert slowness == pytest.approx(CLASSES[0].slowness, rel=0.5)


def test_a_harm_that_is_planted_shows_in_the_quantiles_and_only_at_its_cut() -> None:
    slower = Harm(cut="vision.4", p95=0.2)
    assert p95(window(pinned("vision.4"), slower)) == pytest.approx(
        1.2 * p95(window(pinned("vision.4"))), 0.03
    )
    assert p95(window(pinned("connector"), slower)) == p95(window(pinned("connector")))


def test_failures_are_told_as_such() -> None:
    told = window(pinned("connector"), Harm(errors=0.5))
    failed = sum(arm.count for arm in told.arms if arm.status != "OK")
    assert failed / sum(arm.count for arm in told.arms) == pytest.approx(0.5, abs=0.1)


def test_classes_have_their_shares_in_a_small_fleet_too() -> None:
    count = [class_of(number).machine for number in range(20)].count(CLASSES[0].machine)
    assert count == pytest.approx(20 * CLASSES[0].share, abs=1)
