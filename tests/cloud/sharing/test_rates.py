"""How much a tenant may send, and each of its devices."""

import pytest

from cloud.config import RateLimits
from cloud.sharing.caller import KnownCaller
from cloud.sharing.rates import _MAX_KNOWN, Rates
from protos.errors import CloudBusy

ONE, TWO = KnownCaller.of("acme", "one"), KnownCaller.of("acme", "two")
OTHER = KnownCaller.of("other", "one")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_everything_passes() -> None:
    rates = Rates(RateLimits())
    for _ in range(1000):
        rates.take(ONE, 1 << 30)


def test_a_device_over_its_requests_is_told_how_long_to_wait() -> None:
    clock = Clock()
    rates = Rates(RateLimits(device_requests=2), clock)
    for _ in range(3):
        rates.take(ONE, 0)
    with pytest.raises(CloudBusy, match=r"this device .* wait 0\.5 s") as refused:
        rates.take(ONE, 0)
    rates.take(TWO, 0)
    clock.now += float(str(refused.value.facts["retry_seconds"]))
    rates.take(ONE, 0)
    with pytest.raises(CloudBusy):
        rates.take(ONE, 0)


def test_a_tenant_shares_what_it_may_among_its_devices() -> None:
    rates = Rates(RateLimits(tenant_requests=1), Clock())
    rates.take(ONE, 0)
    rates.take(TWO, 0)
    with pytest.raises(CloudBusy, match="this tenant"):
        rates.take(ONE, 0)
    rates.take(OTHER, 0)


def test_bytes_are_paid_for_afterwards_whatever_a_request_has() -> None:
    clock = Clock()
    rates = Rates(RateLimits(device_bytes=1000), clock)
    rates.take(ONE, 10_000)
    with pytest.raises(CloudBusy, match=r"wait 9\.0 s"):
        rates.check(ONE)
    clock.now += 9
    rates.check(ONE)


def test_who_is_refused_pays_nothing() -> None:
    clock = Clock()
    rates = Rates(RateLimits(device_requests=1), clock)
    for _ in range(2):
        rates.take(ONE, 0)
    for _ in range(100):
        with pytest.raises(CloudBusy):
            rates.take(ONE, 0)
    clock.now += 1
    rates.take(ONE, 0)


def test_who_owes_nothing_is_forgotten_where_there_are_many() -> None:
    clock = Clock()
    rates = Rates(RateLimits(device_requests=1), clock)
    rates.take(ONE, 0)
    clock.now += 0.5
    for name in range(_MAX_KNOWN):
        rates.take(KnownCaller.of("many", str(name)), 0)
    clock.now += 0.6
    rates.take(TWO, 0)
    (_, devices) = rates._requests
    assert len(devices._empty) == _MAX_KNOWN + 1
    assert ONE not in devices._empty
