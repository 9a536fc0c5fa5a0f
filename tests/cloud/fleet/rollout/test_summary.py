"""By how much devices changed."""

import math

import pytest

from cloud.fleet.rollout.plan import Guards
from cloud.fleet.rollout.summary import Summary, changes_of
from tests.cloud.fleet.rollout.fleet import USUAL, p95_of, with_p95


def worse(measure: str, after: Summary, before: Summary = USUAL) -> float:
    return float(changes_of([before], [after], Guards())[measure].worse[0])


def test_times_and_bytes_change_by_ratios() -> None:
    assert worse("p95", with_p95(USUAL, 1.1 * p95_of(USUAL))) == pytest.approx(math.log(1.1))
    assert worse("bytes", USUAL._replace(bytes=2 * USUAL.bytes)) == pytest.approx(math.log(2))


def test_fewer_answers_a_joule_are_worse() -> None:
    before, after = (USUAL._replace(metered=100, joules=joules) for joules in (300.0, 360.0))
    assert worse("energy", after, before) == pytest.approx(math.log(1.2))


def test_rates_change_by_parts_and_few_answers_of_a_baseline_tell_little() -> None:
    before = USUAL._replace(compared=1, agreed=0)
    after = USUAL._replace(compared=100, agreed=90)
    assert -0.1 < worse("agreement", after, before) < 0


def test_a_device_that_tells_nothing_any_more_is_silent_and_its_measures_are_lost() -> None:
    changes = changes_of([USUAL], [Summary()], Guards())
    assert changes["silence"].worse[0] == 1
    assert math.isnan(changes["p95"].worse[0])
    assert changes["p95"].lost[0]


def test_what_no_guard_judges_is_left_out() -> None:
    assert "p95" not in changes_of([USUAL], [USUAL], Guards(p95=None))
