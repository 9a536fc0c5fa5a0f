"""Verdicts, by plain sums."""

from dataclasses import replace
from typing import Any

import pytest

from cloud.rollout.canary import Bounds, Verdict, judge
from cloud.rollout.tally import Pair, Tally
from protos.errors import RequestError

BOUNDS = Bounds(slowdown=0.05, failures=0.02, changed=0.1)
# 400 pairs of a candidate that is as fast as the stable version, with noise, and says the same
HEALTHY = Tally(
    pairs=400, answered=400, slower=-400 * BOUNDS.log_slowdown, slower_squares=400 * 0.15**2, changed=4
)


def test_no_data_is_hold() -> None:
    assert judge(Tally(), BOUNDS).verdict is Verdict.HOLD


def test_as_good_in_every_measure_is_advance() -> None:
    assert judge(HEALTHY, BOUNDS).verdict is Verdict.ADVANCE


@pytest.mark.parametrize(
    "worse",
    [{"candidate_failed": 14}, {"slower": 400 * 0.05}, {"changed": 80}],
    ids=["failures", "time", "answers"],
)
def test_worse_in_one_measure_is_roll_back(worse: dict[str, Any]) -> None:
    assert judge(replace(HEALTHY, **worse), BOUNDS).verdict is Verdict.ROLL_BACK


@pytest.mark.parametrize(
    "unclear",
    [{"candidate_failed": 5}, {"slower": 0.0}, {"changed": 40}],
    ids=["failures", "time", "answers"],
)
def test_what_is_not_known_is_hold(unclear: dict[str, Any]) -> None:
    assert judge(replace(HEALTHY, **unclear), BOUNDS).verdict is Verdict.HOLD


def test_failures_of_both_say_nothing_of_either() -> None:
    both = judge(replace(HEALTHY, candidate_failed=40, stable_failed=40), BOUNDS)
    assert both.verdict is not Verdict.ROLL_BACK


def test_answers_are_not_judged_unless_they_should_stay_the_same() -> None:
    changed = replace(HEALTHY, changed=400)
    assert judge(changed, replace(BOUNDS, changed=None)).verdict is Verdict.ADVANCE


def test_a_pair_is_counted_by_who_failed_and_by_who_was_slower() -> None:
    pairs = [
        Pair(candidate_failed=True),
        Pair(stable_failed=True),
        Pair(stable_failed=True, candidate_failed=True),
        Pair(log_ratio=0.25),
        Pair(log_ratio=-5.0, changed=True),
    ]
    tally = Tally()
    for pair in pairs:
        tally = tally.add(pair, 0.05)
    assert (tally.pairs, tally.candidate_failed, tally.stable_failed) == (5, 1, 1)
    assert (tally.answered, tally.changed) == (2, 1)
    assert tally.slower == pytest.approx(0.2 - 1)  # one pair counts e times as fast at most
    assert tally.slower_squares == pytest.approx(0.04 + 1)


@pytest.mark.parametrize("bounds", [{"slowdown": -0.1}, {"failures": 0.0}, {"changed": 1.0}, {"alpha": 0.0}])
def test_a_bound_that_is_none_is_named(bounds: dict[str, float]) -> None:
    with pytest.raises(RequestError, match="the bound of"):
        Bounds(**bounds)
