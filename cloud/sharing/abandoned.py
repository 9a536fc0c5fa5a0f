"""Callers who ask and hang up, again and again, are held back: what is cancelled was paid for."""

import time
from collections.abc import Callable

from cloud.sharing.caller import Caller

_A_SECOND = 32.0  # abandoned calls of a connection that do not hold its next ones back
_AT_ONCE = 32  # that a connection may abandon before the first is held back
_MAX_KNOWN = 1024


class Abandoned:
    """Calls that were cancelled unanswered, by connection: a leaky bucket. Belongs to the event loop.

    A call that is held back is not read: it costs little more than gRPC takes to tell of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._empty: dict[Caller, float] = {}  # the instants at which their buckets are empty

    def count(self, caller: Caller) -> None:
        """One more was abandoned."""
        now = self._clock()
        self._empty[caller] = max(now, self._empty.get(caller, now)) + 1 / _A_SECOND
        if len(self._empty) > _MAX_KNOWN:
            self._empty = {name: instant for name, instant in self._empty.items() if instant > now}

    def seconds(self, caller: Caller) -> float:
        """How long the next call is held back; 0 for who does not abandon many."""
        full = (_AT_ONCE - 1) / _A_SECOND
        return max(0.0, self._empty.get(caller, 0.0) - full - self._clock())
