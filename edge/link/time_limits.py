"""Limits of time of many calls, kept by one thread."""

import heapq
import time
from collections.abc import Callable
from itertools import count
from threading import Condition, Thread, current_thread

_LINGER_SECONDS = 10.0  # for the next limit, so that calls in a row need no thread each


class TimeLimit:
    """An action that is due, unless it is cancelled before."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """From any thread; one that is being acted on goes on."""
        self._act = None

    def act(self) -> None:
        """Once it is due."""
        if act := self._act:
            act()


class TimeLimits:
    """For any number of threads. Actions are short; they run one after another, in a thread that begins with
    the first limit and ends a while after the last.
    """

    def __init__(self) -> None:
        self._changed, self._numbers = Condition(), count()
        self._due: list[tuple[float, int, TimeLimit]] = []  # a heap
        self._thread: Thread | None = None

    def after(self, seconds: float, act: Callable[[], None]) -> TimeLimit:
        """Act in so many seconds."""
        limit = TimeLimit(act)
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), limit))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="limits of calls", daemon=True)
                self._thread.start()
            elif self._due[0][2] is limit:
                self._changed.notify()
        return limit

    def clear(self) -> None:
        """Act on none of those that are waited for; the thread ends."""
        with self._changed:
            self._due.clear()
            self._thread = None
            self._changed.notify()

    def _run(self) -> None:
        while (limit := self._next()) is not None:
            limit.act()

    def _next(self) -> TimeLimit | None:
        """The next that is due, when it is; None where the thread is needed no more."""
        with self._changed:
            idle_at = time.monotonic() + _LINGER_SECONDS
            while self._thread is current_thread():
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[2]
                if not self._due and now >= idle_at:
                    self._thread = None
                    break
                self._changed.wait((self._due[0][0] if self._due else idle_at) - now)
        return None
