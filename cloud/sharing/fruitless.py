"""Callers whose calls come to nothing, again and again, are held back: what was done for them is paid for."""

import time
from collections.abc import Callable, Hashable

from cloud.sharing.caller import Caller

_OF_CONNECTION, _OF_ADDRESS = 32.0, 128.0  # a second, that hold the next calls back by nothing
_LONGEST_SECONDS = 5.0  # that a call is held back
_MAX_KNOWN = 1024
UNREAD = 8  # calls that came to nothing which an answer that was not read counts for: it was answered


class Fruitless:
    """Calls that were cancelled unanswered, refused for what they brought, not read, or ended in idleness:
    leaky buckets, as large as what leaks of them in a second, of connections and of addresses.

    A connection is held back by what others of its address did only if it had such calls of its own. A call
    that is held back is not read: it costs little more than gRPC takes to tell of it. Belongs to the event
    loop.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._connections, self._addresses = _Buckets(_OF_CONNECTION, clock), _Buckets(_OF_ADDRESS, clock)

    def count(self, caller: Caller, calls: int = 1) -> None:
        """So many more came to nothing."""
        self._connections.add(caller, calls)
        self._addresses.add(caller.address, calls)

    def seconds(self, caller: Caller) -> float:
        """How long the next call is held back; 0 for who has few such calls."""
        if not self._connections.level(caller):
            return 0.0
        return max(self._connections.over(caller), self._addresses.over(caller.address))


class _Buckets:
    """Leaky buckets, by name."""

    def __init__(self, a_second: float, clock: Callable[[], float]) -> None:
        self._a_second, self._clock = a_second, clock
        self._empty: dict[Hashable, float] = {}  # the instants at which they are empty

    def add(self, name: Hashable, drops: int) -> None:
        now = self._clock()
        fullest = now + 1.0 + _LONGEST_SECONDS
        self._empty[name] = min(fullest, max(now, self._empty.get(name, now)) + drops / self._a_second)
        if len(self._empty) > _MAX_KNOWN:
            self._empty = {name: instant for name, instant in self._empty.items() if instant > now}

    def level(self, name: Hashable) -> float:
        """Seconds until it is empty."""
        return max(0.0, self._empty.get(name, 0.0) - self._clock())

    def over(self, name: Hashable) -> float:
        """Seconds until another drop finds room."""
        return max(0.0, self.level(name) - 1.0 + 1 / self._a_second)
