"""Who works: so many servers with one queue, first come, first served. A device is one, a cloud several."""

import heapq
from collections import deque
from collections.abc import Callable, Iterable

Begin = Callable[[], None]


class Servers:
    """Each `begin` is called when a server is free for it; who began says `release` at its end."""

    def __init__(self, count: float) -> None:
        self._free = count
        self._queue: deque[tuple[int, Begin]] = deque()

    def enter(self, key: int, begin: Begin) -> None:
        """Wait for a server, and begin at once where one is free."""
        if self._free:
            self._free -= 1
            begin()
        else:
            self._queue.append((key, begin))

    def release(self) -> None:
        """A server is free, for the next that waits if there is one."""
        if self._queue:
            self._queue.popleft()[1]()
        else:
            self._free += 1

    def leave(self, key: int) -> None:
        """Take out of the queue who waits there."""
        self._queue = deque(entry for entry in self._queue if entry[0] != key)


class Forecast:
    """When servers will be free, if those who are there now and those who come stay to their end."""

    def __init__(self, count: int, busy: Iterable[float]) -> None:
        """`busy`: until when each of those at work works."""
        until = list(busy)
        self._free = [*until, *[0.0] * (count - len(until))]
        heapq.heapify(self._free)

    def serve(self, arrived: float, seconds: float) -> None:
        """One more is served."""
        heapq.heappush(self._free, max(heapq.heappop(self._free), arrived) + seconds)

    def begin(self, arrived: float) -> float:
        """When who arrives next would begin."""
        return max(self._free[0], arrived)
