"""Callers whose calls come to nothing, again and again, are held back: what was done for them is paid for."""

import time
from collections.abc import Callable, Hashable

from cloud.sharing.caller import Caller
from cloud.sharing.leaky_buckets import LeakyBuckets

_OF_CONNECTION, _OF_ADDRESS = 32.0, 128.0  # a second, that hold the next calls back by nothing
_FULL_SECONDS = 1.0
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
        deepest = _FULL_SECONDS + _LONGEST_SECONDS
        self._connections = LeakyBuckets(_OF_CONNECTION, _MAX_KNOWN, clock, deepest)
        self._addresses = LeakyBuckets(_OF_ADDRESS, _MAX_KNOWN, clock, deepest)

    def count(self, caller: Caller, calls: int = 1) -> None:
        """So many more came to nothing."""
        self._connections.add(caller, calls)
        self._addresses.add(caller.address, calls)

    def seconds(self, caller: Caller) -> float:
        """How long the next call is held back; 0 for who has few such calls."""
        if not self._connections.level(caller):
            return 0.0
        return max(_over(self._connections, caller), _over(self._addresses, caller.address))


def _over(buckets: LeakyBuckets, name: Hashable) -> float:
    """Seconds until another drop finds room."""
    return max(0.0, buckets.level(name) - _FULL_SECONDS + 1 / buckets.a_second)
