"""What is learned of parts whose times are made up, by a clock that the tests turn."""

import json
import math
from random import Random

import pytest

from edge.costs.factors import SIZES, TIMES, Factors

PARTS = [f"layer.{index}" for index in range(8)]
EXPECTED = 10.0


def taken(factors: Factors, times: float, part: str = PARTS[0], count: int = 20, begin: float = 0.0) -> float:
    """A part that takes so many times what was expected, once a second. Returns when it ended."""
    random = Random(1)
    for index in range(count):
        factors.observe(part, EXPECTED, EXPECTED * times * math.exp(random.gauss(0, 0.1)), begin + index)
    return begin + count


def test_nothing_known_is_what_was_expected_with_doubt() -> None:
    factor = Factors(PARTS, TIMES).factor(PARTS[0], 0.0)
    assert factor.median == 1.0
    assert factor.doubt > 0.5


@pytest.mark.parametrize("times", [0.02, 1.0, 16.0])
def test_one_part_teaches_of_the_others(times: float) -> None:
    factors = Factors(PARTS, TIMES)
    now = taken(factors, times)
    known, other = factors.factor(PARTS[0], now), factors.factor(PARTS[5], now)
    assert known.median == pytest.approx(times, rel=0.1)
    assert times / 2 < other.median < 2 * times
    assert known.doubt < 0.2 < other.doubt


def test_a_part_keeps_what_is_its_own() -> None:
    factors, now = Factors(PARTS, TIMES), 0.0
    for _ in range(10):
        for part, times in zip(PARTS[:2], (2.0, 3.0), strict=True):
            now = taken(factors, times, part, count=3, begin=now)
    assert factors.factor(PARTS[0], now).median == pytest.approx(2, rel=0.1)
    assert factors.factor(PARTS[1], now).median == pytest.approx(3, rel=0.1)


def test_one_slow_run_out_of_hundreds_changes_little_and_two_are_load() -> None:
    factors = Factors(PARTS, TIMES)
    now = taken(factors, 1.0, count=300)
    factors.observe(PARTS[0], EXPECTED, 100 * EXPECTED, now)
    assert factors.factor(PARTS[0], now).median < 2
    now = taken(factors, 8.0, count=3, begin=now + 1)
    assert factors.factor(PARTS[0], now).median == pytest.approx(8, rel=0.2)


def test_a_burst_of_load_is_soon_forgotten_and_a_lasting_one_later() -> None:
    factors = Factors(PARTS, TIMES)
    now = taken(factors, 8.0, count=5, begin=taken(factors, 1.0, count=300))
    assert factors.factor(PARTS[0], now + 300).median < 2
    now = taken(factors, 8.0, count=600, begin=now + 300)
    assert factors.factor(PARTS[0], now + 300).median > 3
    year = 365 * 86400.0
    assert factors.factor(PARTS[0], now + year).median == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("measured", [0.05, 0.9, 1.04])
def test_a_difference_as_small_as_jitter_teaches_nothing(measured: float) -> None:
    factors = Factors(PARTS, TIMES)
    for now in range(20):
        factors.observe(PARTS[0], 0.05, measured, float(now), jitter=1.0)
    assert factors.factor(PARTS[5], 20.0).median == pytest.approx(1.0)
    assert factors.factor(PARTS[5], 20.0).doubt > 0.5


@pytest.mark.parametrize("measured", [3.0, 30.0, 300.0])
def test_what_is_more_than_jitter_is_learned_up_to_it(measured: float) -> None:
    factors = Factors(PARTS, TIMES)
    for now in range(20):
        factors.observe(PARTS[0], 0.05, measured, float(now), jitter=1.0)
    learned = 0.05 * factors.factor(PARTS[0], 20.0).median
    assert learned == pytest.approx(measured, abs=1.1, rel=0.1)


@pytest.mark.parametrize("measured", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_measurement_is_ignored(measured: float) -> None:
    factors = Factors(PARTS, TIMES)
    factors.observe(PARTS[0], EXPECTED, measured, 0.0)
    factors.observe("no part", EXPECTED, EXPECTED, 0.0)
    factors.observe(PARTS[0], 0.0, EXPECTED, 0.0)
    assert factors.factor(PARTS[0], 0.0) == Factors(PARTS, TIMES).factor(PARTS[0], 0.0)


def test_absurd_measurements_leave_a_number() -> None:
    factors = Factors(PARTS, SIZES)
    for now in range(50):
        factors.observe(PARTS[now % 8], 1e-2, 1e300, float(now))
    assert math.isfinite(factors.factor(PARTS[0], 50.0).median)


def test_the_next_process_remembers_less_the_older_it_is() -> None:
    factors = Factors(PARTS, TIMES)
    now = taken(factors, 8.0, count=600)
    state = json.loads(json.dumps(factors.state()))
    later, much_later = Factors(PARTS, TIMES, now=3.0), Factors(PARTS, TIMES, now=3.0)
    later.restore(state, 60.0, now=3.0)
    much_later.restore(state, 365 * 86400.0, now=3.0)
    remembered = factors.factor(PARTS[0], now + 600).median
    assert later.factor(PARTS[0], 3.0).median == pytest.approx(remembered, rel=0.4)
    assert much_later.factor(PARTS[0], 3.0).median < 1.5


@pytest.mark.parametrize(
    "state", [{}, {"slow": "fast", "own": {}}, {"slow": math.nan, "own": {}}, {"slow": 1, "own": {"a": 1e9}}]
)
def test_a_state_that_is_none_is_refused(state: dict[str, object]) -> None:
    factors = Factors(PARTS, TIMES)
    with pytest.raises((ValueError, KeyError, TypeError)):
        factors.restore(state, 0.0, 0.0)
