"""The rate of requests, by a clock that the tests turn."""

import pytest

from edge.policy.arrivals import ArrivalRate


def test_it_follows_the_last_requests() -> None:
    rate = ArrivalRate()
    for index in range(100):
        rate.arrived(index * 0.2)
    assert rate.mean == pytest.approx(5)
    for index in range(20):
        rate.arrived(100.0 + index * 4)
    assert rate.mean == pytest.approx(0.25)


def test_a_pause_counts_once_it_is_over_and_few_say_nothing() -> None:
    rate = ArrivalRate()
    for instant in (0.0, 1.0, 2.0):
        rate.arrived(instant)
    assert rate.mean == 0.0
    rate.arrived(3.0)
    assert rate.mean == pytest.approx(1.0)
    rate.arrived(400.0)
    assert rate.mean == pytest.approx(0.01)


def test_requests_at_one_instant_leave_a_number() -> None:
    rate = ArrivalRate()
    for _ in range(10):
        rate.arrived(5.0)
    assert 0 < rate.mean < 1e6
