"""Rules about the device: bytes of a day, battery, heat."""

import pytest

from edge.policy.decision import Decision, Request
from edge.policy.limits import ABOUT
from edge.policy.policy import decide
from protos.arms.rules import Conditions, Rules
from protos.costs.estimates import LinkEstimate
from protos.costs.power import Power
from protos.costs.weights import Weights
from protos.errors import NoRoute
from tests.edge.policy.test_policy import DEVICE, MANIFEST, MEASURED, verdicts, via

POWER = Power("a board", busy_watts=10.0, waiting_watts=1.0, joules_a_megabyte=3.0)
GOOD = LinkEstimate.steady(1e9, 5.0)


def choose(
    rules: Rules,
    conditions: Conditions,
    *,
    link: LinkEstimate | None = GOOD,
    weights: Weights | None = None,
    power: Power = POWER,
) -> Decision:
    request = Request(rules, weights or Weights(), conditions=conditions, tokens=4)
    return decide(request, DEVICE, via(link), MANIFEST, MEASURED, power=power)


def test_what_would_pass_the_days_bytes_is_forbidden_and_it_is_said_what_is_left() -> None:
    decision = choose(Rules(bytes_per_day=1_000_000), Conditions(sent_today=997_000))
    said = verdicts(decision)
    assert said["upload@jpeg-75"] == ("rule bytes-per-day: 3 kB of 1 MB are left today, it takes 4.06 kB")
    assert decision.chosen.bytes_up <= 3_000
    assert decision.arm.remote


def test_a_day_that_is_spent_leaves_the_local_answer_or_nothing() -> None:
    spent = Conditions(sent_today=2_000_000)
    assert choose(Rules(bytes_per_day=1_000_000), spent).arm.kind == "local"
    with pytest.raises(NoRoute, match="0 B of 1 MB are left today"):
        choose(Rules(bytes_per_day=1_000_000, allow_local=False), spent)


def test_without_a_limit_nothing_is_forbidden_whatever_was_sent() -> None:
    assert "bytes-per-day" not in str(verdicts(choose(Rules(), Conditions(sent_today=10**12))))


def test_below_the_battery_floor_only_about_the_least_energy_is_left() -> None:
    low = choose(Rules(battery_floor=20), Conditions(battery=19.0))
    least = min(p.joules for p in low.arms)
    assert all((p.joules <= ABOUT * least) == p.allowed for p in low.arms)
    assert verdicts(low)["local"].startswith("rule battery-floor: 19% of 20%, takes 2.6 J where ")


@pytest.mark.parametrize("battery", [None, 20.0, 80.0])
def test_a_battery_that_is_full_enough_or_charging_forbids_nothing(battery: float | None) -> None:
    assert all(p.allowed for p in choose(Rules(battery_floor=20), Conditions(battery=battery)).arms)


def test_of_what_other_rules_leave_the_least_is_taken_so_that_there_is_an_answer() -> None:
    rules, hard = Rules(battery_floor=20, temperature_ceiling=85), Conditions(battery=5.0, temperature=95.0)
    assert choose(rules, hard, link=None).arm.kind == "local"
    never = Rules(battery_floor=20, temperature_ceiling=85, never_upload=True)
    assert choose(never, hard).arm.kind == "split"


def test_above_the_ceiling_the_device_works_the_least_that_it_can() -> None:
    hot = choose(Rules(temperature_ceiling=85), Conditions(temperature=91.2))
    assert {p.arm.name for p in hot.arms if p.allowed} == {"upload@jpeg-75"}
    assert verdicts(hot)["local"] == "rule temperature-ceiling: 91 C of 85 C, works 260 ms, not 2 ms"
    cool = choose(Rules(temperature_ceiling=85), Conditions(temperature=85.0))
    assert all(p.allowed for p in cool.arms)


def test_a_late_answer_is_better_than_one_that_breaks_a_rule_about_the_device() -> None:
    slow = LinkEstimate.steady(100e3, 300.0)
    rules = Rules(temperature_ceiling=85, deadline_ms=280)
    assert choose(rules, Conditions(temperature=20.0), link=slow).arm.kind == "local"
    hot = choose(rules, Conditions(temperature=90.0), link=slow)
    assert (hot.arm.name, hot.late) == ("upload@jpeg-75", True)


def test_energy_is_worth_what_the_operator_says() -> None:
    slow = LinkEstimate.steady(100e3, 100.0)
    assert choose(Rules(), Conditions(), link=slow, weights=Weights(accuracy_point=0)).arm.kind == "local"
    thrifty = Weights(accuracy_point=0, joule=1000.0)
    saved = choose(Rules(), Conditions(), link=slow, weights=thrifty)
    assert saved.arm.kind == "upload"
    assert verdicts(saved)["local"] == f"worse score: 2.6 J, not {saved.chosen.joules:.3g} J"
