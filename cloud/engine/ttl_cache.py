"""A cache with a bound on bytes and on age, shared fairly."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

CachedT = TypeVar("CachedT")

# What an entry takes beside its numbers: key, tuple, tensor or array objects, and the allocator's share;
# measured as resident memory. Of a small model's frames it is the larger part.
ENTRY_BYTES = 1536


class TtlCache(Generic[CachedT]):
    """Values by owner and key, as many as fit in `max_bytes` of memory, none older than `seconds`.

    Where room is short, the owner who holds the most loses what they have not used for longest: nobody can
    push out what others keep by asking a lot.
    """

    def __init__(self, max_bytes: int, seconds: float, clock: Callable[[], float]) -> None:
        self._max_bytes, self._seconds, self._clock = max_bytes, seconds, clock
        self._bytes = 0
        self.hits = self.misses = 0
        self._entries: dict[str, OrderedDict[str, tuple[CachedT, int, float]]] = {}
        self._held: dict[str, int] = {}  # bytes by owner, the least recently seen first

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self._bytes

    def put(self, owner: str, key: str, value: CachedT, size: int) -> None:
        """Keep a value that owns `size` bytes of numbers, unless it is larger than the cache."""
        self.drop(owner, key)
        size += ENTRY_BYTES
        if size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            most = max(self._held, key=self._held.__getitem__)
            self.drop(most, next(iter(self._entries[most])))
        self._entries.setdefault(owner, OrderedDict())[key] = value, size, self._clock() + self._seconds
        self._held[owner] = self._held.pop(owner, 0) + size
        self._bytes += size

    def get(self, owner: str, key: str) -> CachedT | None:
        """The value, unless it is evicted or expired."""
        entries = self._entries.get(owner, OrderedDict())
        value, _, until = entries.get(key, (None, 0, 0.0))
        if until <= self._clock():
            self.misses += 1
            return None
        self.hits += 1
        entries.move_to_end(key)
        self._held[owner] = self._held.pop(owner)
        return value

    def holds(self, owner: str) -> bool:
        """Whether anything is kept of an owner, though it may be too old."""
        return owner in self._entries

    def expire(self) -> None:
        """Free the memory of expired values."""
        now = self._clock()
        expired = [
            (owner, key)
            for owner, entries in self._entries.items()
            for key, (_, _, until) in entries.items()
            if until <= now
        ]
        for owner, key in expired:
            self.drop(owner, key)

    def clear(self) -> None:
        """Keep nothing of what there is."""
        self._entries.clear()
        self._held.clear()
        self._bytes = 0

    def drop(self, owner: str, key: str) -> None:
        """Keep a value no longer, if it is kept."""
        entries = self._entries.get(owner)
        if entries is None or key not in entries:
            return
        _, size, _ = entries.pop(key)
        self._held[owner] -= size
        self._bytes -= size
        if not entries:
            del self._entries[owner], self._held[owner]
