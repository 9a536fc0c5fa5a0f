"""What is believed of links whose exchanges are made up, by a clock that the tests turn."""

import math
from random import Random

import numpy as np
import pytest

from edge.link.uplink import PRIOR_RATE, PRIOR_ROUND_TRIP_MS, UnderWay, UplinkEstimator
from protos.costs.estimates import LinkStates

SIZES = (500, 4_000, 40_000, 200_000)
SECONDS_TO_FORGET = 120.0


def exchange(
    uplink: UplinkEstimator,
    rate: float,
    round_trip_ms: float,
    sizes: tuple[int, ...] = SIZES,
    count: int = 24,
    begin: float = 0.0,
) -> float:
    """One a second over a link of this rate (bits a second) and round trip, whose times scatter by 10%.
    Returns when it ended.
    """
    random = Random(1)
    for index in range(count):
        sent = sizes[index % len(sizes)]
        taken = (round_trip_ms + 8000 * sent / rate) * math.exp(random.gauss(0, 0.1))
        uplink.observe(sent, taken, begin + index)
    return begin + count


def predicted(uplink: UplinkEstimator, sent: int) -> float:
    """The median."""
    return uplink.states().quantile_ms(sent, 0.5)


@pytest.mark.parametrize(("rate", "round_trip_ms"), [(64e3, 300), (1e6, 100), (20e6, 40), (1e9, 0.5)])
def test_rate_and_round_trip_are_recovered(rate: float, round_trip_ms: float) -> None:
    uplink = UplinkEstimator()
    exchange(uplink, rate, round_trip_ms)
    assert uplink.rate == pytest.approx(rate, rel=0.4)
    assert uplink.round_trip_ms == pytest.approx(round_trip_ms, rel=0.4)
    for sent in SIZES:
        expected = round_trip_ms + 8000 * sent / rate
        assert predicted(uplink, sent) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(("rate", "round_trip_ms"), [(64e3, 300), (100e6, 10)])
def test_it_follows_a_change_within_a_few_exchanges(rate: float, round_trip_ms: float) -> None:
    uplink = UplinkEstimator()
    changed = exchange(uplink, 2e6, 50)
    exchange(uplink, rate, round_trip_ms, count=8, begin=changed)
    for sent in SIZES:
        assert predicted(uplink, sent) == pytest.approx(round_trip_ms + 8000 * sent / rate, rel=0.4)


def test_one_odd_exchange_moves_little_and_two_move_all() -> None:
    uplink = UplinkEstimator()
    now = exchange(uplink, 2e6, 50)
    before = predicted(uplink, 4000)
    uplink.observe(4000, 5000, now)
    assert predicted(uplink, 4000) == pytest.approx(before, rel=0.1)
    uplink.observe(4000, 5000, now + 1)
    assert predicted(uplink, 4000) == pytest.approx(5000, rel=0.3)


def test_what_one_size_cannot_tell_stays_open() -> None:
    """The mean of both explanations says what a smaller payload may save."""
    uplink = UplinkEstimator()
    exchange(uplink, 60e3, 10, sizes=(2400,))
    states = uplink.states()
    assert states.mean_ms(2400) == pytest.approx(330, rel=0.1)
    assert states.mean_ms(250) < 0.8 * states.mean_ms(2400)
    assert states.quantile_ms(250, 0.1) < 100
    assert states.quantile_ms(250, 0.9) > 250


def test_silence_teaches_that_the_link_is_at_most_that_fast() -> None:
    uplink = UplinkEstimator()
    before = uplink.states().mean_ms(10_000)
    for now in (1.0, 2.0, 3.0):
        uplink.at_least(10_000, 4000.0, now)
    assert uplink.states().mean_ms(10_000) > 10 * before


def test_silence_that_was_expected_teaches_nothing() -> None:
    uplink = UplinkEstimator()
    before = uplink.states().mean_ms(200_000)
    uplink.at_least(200_000, 1.0, now=1.0)
    assert uplink.states().mean_ms(200_000) == pytest.approx(before, rel=0.05)


@pytest.mark.parametrize("silent", [0.5, 1.0, 2.0])
def test_an_outage_is_expected_to_last_about_as_long_as_it_has(silent: float) -> None:
    uplink = UplinkEstimator()
    begun = exchange(uplink, 2e6, 50, sizes=(4000,), count=100)
    uplink.elapse(begun + silent)
    states = uplink.states([UnderWay(4000, begun, 0.0)])
    assert 0.2 * silent < states.mean_ms(4000) / 1000 < 4 * silent
    assert states.quantile_ms(4000, 0.95) / 1000 > silent  # it may be for longer, who is patient knows


def test_a_slow_link_that_was_slow_for_long_is_believed_to_stay_so() -> None:
    uplink = UplinkEstimator()
    exchange(uplink, 64e3, 300, sizes=(4000,), count=200)
    assert uplink.states().mean_ms(40_000) == pytest.approx(300 + 5000, rel=0.15)


def test_a_bad_while_is_believed_in_for_a_while_and_then_counts_as_what_may_come_again() -> None:
    uplink = UplinkEstimator()
    bad = exchange(uplink, 2e6, 50, count=100)
    after = exchange(uplink, 2e6, 3000, count=10, begin=bad)
    assert predicted(uplink, 500) == pytest.approx(3000, rel=0.3)
    uplink.elapse(after + SECONDS_TO_FORGET)
    assert predicted(uplink, 500) == pytest.approx(52, rel=0.3)
    assert uplink.states().quantile_ms(500, 0.97) > 1000


def test_it_begins_with_a_prior() -> None:
    uplink = UplinkEstimator()
    assert uplink.rate == pytest.approx(PRIOR_RATE, rel=0.1)
    assert uplink.round_trip_ms == pytest.approx(PRIOR_ROUND_TRIP_MS, rel=0.1)
    assert uplink.states().probability.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("milliseconds", [0.0, 1e-9, 1e9])
def test_absurd_times_leave_a_sane_estimate(milliseconds: float) -> None:
    uplink = UplinkEstimator()
    for now in range(20):
        uplink.observe(0, milliseconds, float(now))
    assert 1e3 <= uplink.rate <= 20e9
    assert 0.05 <= uplink.round_trip_ms <= 30e3


def test_the_probability_to_be_in_time_is_that_of_samples() -> None:
    generator = np.random.default_rng(1)
    states = LinkStates(np.array([0.7, 0.3]), np.array([50.0, 400.0]), np.array([0.01, 0.1]), noise=0.2)
    which = generator.choice(2, 100_000, p=states.probability)
    means = states.round_trip_ms[which] + states.ms_a_byte[which] * 1000
    times = means * np.exp(0.2 * generator.normal(size=100_000)) + 30 * generator.normal(size=100_000)
    for limit in (40, 60, 100, 300, 500, 700):
        assert states.within(1000, limit, 30.0) == pytest.approx((times <= limit).mean(), abs=0.03)


def test_what_a_state_takes_that_may_end_is_the_integral_of_how_likely_it_lasts() -> None:
    one = np.ones(1)
    states = LinkStates(one, 0 * one, one, noise=0.0, before_ms=2000 * one, age_ms=500 * one)
    lasts = 500 / (500 + np.arange(0.5, 5000))
    assert states.mean_ms(3000) == pytest.approx(lasts.sum(), rel=1e-3)
    assert states.backlog_ms == pytest.approx(lasts[:2000].sum(), rel=1e-3)
