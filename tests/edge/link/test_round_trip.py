"""The longest that a reply most likely takes."""

import pytest

from edge.link.round_trip import RoundTrip


def test_nothing_is_waited_for_before_a_reply_came() -> None:
    assert RoundTrip().longest == 0.0


def test_the_first_reply_counts_as_half_sure() -> None:
    trip = RoundTrip()
    trip.observe(0.1)
    assert trip.longest == pytest.approx(0.1 + 4 * 0.05)


def test_replies_that_are_alike_narrow_it_and_one_that_is_late_widens_it() -> None:
    trip = RoundTrip()
    for _ in range(50):
        trip.observe(0.1)
    assert trip.longest == pytest.approx(0.11, rel=1e-3)
    trip.observe(0.5)
    assert trip.longest > 0.5
