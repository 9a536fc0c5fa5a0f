"""What a device takes is shared out among the requests that overlap."""

from contextlib import ExitStack

import pytest

from edge.power.shares import EnergyShares


class Count:
    """Of a device that takes what the test says."""

    joules = 100.0

    def __call__(self) -> float:
        return self.joules


def test_a_request_alone_has_all_that_the_device_took() -> None:
    count = Count()
    shares = EnergyShares(count)
    with shares.part() as joules:
        count.joules += 3
        assert joules() == 3
        count.joules += 1
        assert joules() == 4


def test_requests_that_overlap_share_it_and_their_parts_are_what_the_device_took() -> None:
    count = Count()
    shares = EnergyShares(count)
    with ExitStack() as first, ExitStack() as second:
        one = first.enter_context(shares.part())
        count.joules += 2  # the first alone
        other = second.enter_context(shares.part())
        count.joules += 6  # both
        ended = one()
        first.close()
        count.joules += 5  # the second alone
        assert (ended, other()) == (2 + 3, 3 + 5)


def test_what_the_device_takes_between_requests_is_nobodys() -> None:
    count = Count()
    shares = EnergyShares(count)
    for _ in range(2):
        with shares.part() as joules:
            count.joules += 1
            assert joules() == pytest.approx(1)
        count.joules += 50
