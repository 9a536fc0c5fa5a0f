"""How many requests and bytes a second a tenant may send, and each of its devices."""

import math
import time
from collections.abc import Callable

from cloud.config import RateLimits
from cloud.sharing.caller import Caller
from cloud.sharing.leaky_buckets import LeakyBuckets
from protos.errors import CloudBusy

_BURST_SECONDS = 1.0  # of its rate, that who was quiet may send at once
_MAX_KNOWN = 4096


class OverRate(CloudBusy):
    """Who asks has sent too much, or their tenant has. `facts["retry_seconds"]`: how long to wait."""


class Rates:
    """Token buckets, which a request may overdraw: its size is known when it is here. Where there are no
    identities, an address stands for the tenant and a connection for the device. Belongs to the event loop.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = [_buckets(limits.tenant_requests, clock), _buckets(limits.device_requests, clock)]
        self._bytes = [_buckets(limits.tenant_bytes, clock), _buckets(limits.device_bytes, clock)]

    def check(self, caller: Caller) -> None:
        """Raises OverRate, with how long to wait, for who has sent too much, or whose tenant has."""
        waits = [
            (buckets.level(name) - _BURST_SECONDS, who)
            for kind in (self._requests, self._bytes)
            for buckets, name, who in zip(kind, (caller.address, caller), ("tenant", "device"), strict=True)
        ]
        seconds, who = max(waits)
        if seconds > 0:
            raise OverRate(
                f"this {who} has sent as much as it may; wait {seconds:.1f} s, or answer on the device",
                retry_seconds=seconds,
            )

    def take(self, caller: Caller, size: int) -> None:
        """Count a request of so many bytes. Raises as `check`, and counts nothing then."""
        self.check(caller)
        for kind, units in ((self._requests, 1), (self._bytes, size)):
            for buckets, name in zip(kind, (caller.address, caller), strict=True):
                buckets.add(name, units)


def _buckets(a_second: float | None, clock: Callable[[], float]) -> LeakyBuckets:
    return LeakyBuckets(math.inf if a_second is None else a_second, _MAX_KNOWN, clock)
