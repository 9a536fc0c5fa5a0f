"""How many requests and bytes a second a tenant may send, and each of its devices."""

import time
from collections.abc import Callable, Hashable

from cloud.config import RateLimits
from cloud.sharing.caller import Caller
from protos.errors import CloudBusy

_BURST_SECONDS = 1.0  # of its rate, that who was quiet may send at once
_MAX_KNOWN = 4096


class Rates:
    """Token buckets, which a request may overdraw: its size is known when it is here. Where there are no
    identities, an address stands for the tenant and a connection for the device. Belongs to the event loop.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests = [_TokenBuckets(limits.tenant_requests), _TokenBuckets(limits.device_requests)]
        self._bytes = [_TokenBuckets(limits.tenant_bytes), _TokenBuckets(limits.device_bytes)]

    def check(self, caller: Caller) -> None:
        """Raises CloudBusy, with how long to wait, for who has sent too much, or whose tenant has."""
        now, names = self._clock(), (caller.address, caller)
        waits = [
            (buckets.wait(name, now), who)
            for kind in (self._requests, self._bytes)
            for buckets, name, who in zip(kind, names, ("tenant", "device"), strict=True)
        ]
        seconds, who = max(waits)
        if seconds > 0:
            raise CloudBusy(
                f"this {who} has sent as much as it may; wait {seconds:.1f} s, or answer on the device",
                seconds=seconds,
            )

    def take(self, caller: Caller, size: int) -> None:
        """Count a request of so many bytes. Raises as `check`, and counts nothing then."""
        self.check(caller)
        now, names = self._clock(), (caller.address, caller)
        for kind, units in ((self._requests, 1), (self._bytes, size)):
            for buckets, name in zip(kind, names, strict=True):
                buckets.take(name, units, now)


class _TokenBuckets:
    """Buckets by name, each as the instant at which it will be full."""

    def __init__(self, a_second: float | None) -> None:
        self._a_second = a_second
        self._full: dict[Hashable, float] = {}

    def wait(self, name: Hashable, now: float) -> float:
        """Seconds until something may be taken out."""
        return max(0.0, self._full.get(name, now) - now - _BURST_SECONDS)

    def take(self, name: Hashable, units: int, now: float) -> None:
        if self._a_second is None:
            return
        self._full[name] = max(now, self._full.get(name, now)) + units / self._a_second
        if len(self._full) > _MAX_KNOWN:
            self._full = {known: instant for known, instant in self._full.items() if instant > now}
