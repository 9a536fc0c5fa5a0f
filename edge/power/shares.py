"""What a device takes, shared out among the requests that are under way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock


class EnergyShares:
    """In equal parts while they overlap, so that the parts of all add up to what the device took, and a day's
    budget counts nothing twice. No meter says whose work it was: the device computes for one and keeps its
    radio and its memory awake for the others, and it takes energy for as long as there are any. From any
    thread.
    """

    def __init__(self, count: Callable[[], float]) -> None:
        """`count`: joules of the device since any moment; it is called by one thread at a time."""
        self._count, self._lock = count, Lock()
        self._counted, self._each, self._requests = 0.0, 0.0, 0

    @contextmanager
    def part(self) -> Iterator[Callable[[], float]]:
        """Around a request; gives its joules so far."""
        begun = self._pass(+1)
        try:
            yield lambda: self.look() - begun
        finally:
            self._pass(-1)

    def look(self) -> float:
        """Count now; the joules of one that was under way all the time."""
        return self._pass(0)

    def _pass(self, more: int) -> float:
        """From now on there are so many `more`."""
        with self._lock:
            counted = self._count()
            if self._requests:
                self._each += (counted - self._counted) / self._requests
            self._counted, self._requests = counted, self._requests + more
            return self._each
