"""The way up: bytes leave in the order in which they came, at the moments of a recorded link.

Requests of a device share one connection, whose bytes the kernel sends first come, first served. A request
that is given up takes its unsent bytes out of the queue; what has left is gone. An idle link saves nothing
up.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.network.conditions import Rate
from bench.simulate.queues.events import Event, Events


@dataclass
class _Waiting:
    """Positions count all bytes that the link could have carried."""

    begin: float
    end: float
    departed: Callable[[], None]


class Uplink:
    """`rate` is read from `offset` seconds on. `carried` counts the bytes that have left."""

    def __init__(self, events: Events, rate: Rate, offset: float = 0.0) -> None:
        self._events, self._rate, self._offset = events, rate, offset
        self._queue: dict[int, _Waiting] = {}
        self._entered = 0.0
        self._next: Event | None = None
        self.carried = 0.0

    def enter(self, key: int, size: int, departed: Callable[[], None]) -> None:
        """Queue the bytes of a request; `departed` is called when the last of them has left."""
        begin = max(self._entered, self._capacity(self._events.now))
        self._entered = begin + size
        self._queue[key] = _Waiting(begin, self._entered, departed)
        if len(self._queue) == 1:
            self._plan()

    def cancel(self, key: int) -> float:
        """Take a request out; gives how many of its bytes had left."""
        waiting = self._queue.pop(key)
        left_at = max(waiting.begin, min(self._capacity(self._events.now), waiting.end))
        removed = waiting.end - left_at
        for behind in self._queue.values():
            if behind.begin >= waiting.end:
                behind.begin, behind.end = behind.begin - removed, behind.end - removed
        self._entered -= removed
        self.carried += left_at - waiting.begin
        self._plan()
        return left_at - waiting.begin

    def departure(self, size: int, at: float) -> float:
        """When so many bytes would have left that enter at an instant, behind all that waits now."""
        return self._instant(max(self._entered, self._capacity(at)) + size)

    def departures(self) -> dict[int, float]:
        """When each waiting request will have left if none is given up, in their order."""
        return {key: self._instant(waiting.end) for key, waiting in self._queue.items()}

    def _plan(self) -> None:
        if self._next:
            self._next.cancel()
        first = next(iter(self._queue.values()), None)
        self._next = self._events.at(self._instant(first.end), self._depart) if first else None

    def _depart(self) -> None:
        waiting = self._queue.pop(next(iter(self._queue)))
        self.carried += waiting.end - waiting.begin
        self._plan()
        waiting.departed()

    def _capacity(self, at: float) -> float:
        return self._rate.sent(at + self._offset)

    def _instant(self, position: float) -> float:
        return self._rate.seconds(position) - self._offset
