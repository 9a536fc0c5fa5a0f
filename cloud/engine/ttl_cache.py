"""A cache with a bound on bytes and on age."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

CachedT = TypeVar("CachedT")

# What an entry takes beside its numbers: key, tuple, tensor or array objects, and the allocator's share;
# measured as resident memory. Of a small model's frames it is the larger part.
ENTRY_BYTES = 1536


class TtlCache(Generic[CachedT]):
    """Values by key: the most recently used that fit in `max_bytes` of memory, none older than `seconds`."""

    def __init__(self, max_bytes: int, seconds: float, clock: Callable[[], float]) -> None:
        self._max_bytes, self._seconds, self._clock = max_bytes, seconds, clock
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[CachedT, int, float]] = OrderedDict()

    def put(self, key: str, value: CachedT, size: int) -> None:
        """Keep a value that owns `size` bytes of numbers, unless it is larger than the cache."""
        self._drop(key)
        size += ENTRY_BYTES
        if size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = value, size, self._clock() + self._seconds
        self._bytes += size

    def get(self, key: str) -> CachedT | None:
        """The value, unless it is evicted or expired."""
        value, _, until = self._entries.get(key, (None, 0, 0.0))
        if until <= self._clock():
            return None
        self._entries.move_to_end(key)
        return value

    def expire(self) -> None:
        """Free the memory of expired values."""
        now = self._clock()
        for key in [key for key, (_, _, until) in self._entries.items() if until <= now]:
            self._drop(key)

    def _drop(self, key: str) -> None:
        _, size, _ = self._entries.pop(key, (None, 0, 0.0))
        self._bytes -= size
