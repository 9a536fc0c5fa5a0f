"""Frames from a thread that reads them to a task that takes them, made only when one is wanted."""

import asyncio
import time
from contextlib import suppress
from threading import Condition, Event

from edge.agent.sources.frame import Frame
from edge.agent.status.counters import SourceCounters

_LOOK_SECONDS = 0.2


class Demand:
    """One reader, one taker, at most one frame every `period` seconds; none waits in between. Made in the
    task's event loop.
    """

    def __init__(self, period: float, counters: SourceCounters) -> None:
        self._loop, self._period, self._counters = asyncio.get_running_loop(), period, counters
        self._changed, self._due, self._ended = Condition(), 0.0, False
        self._error: Exception | None = None
        self._taker: asyncio.Future[Frame | None] | None = None

    async def take(self) -> Frame | None:
        """The next frame that is due; None where the source has ended. Raises what `end` was given."""
        taker: asyncio.Future[Frame | None] = self._loop.create_future()
        with self._changed:
            self._taker = taker
            if self._ended:
                self._hand(None)
            self._changed.notify_all()
        try:
            frame = await taker
        finally:
            with self._changed:
                self._taker = None
        if frame is None and self._error:
            raise self._error
        return frame

    def wanted(self) -> bool:
        """Whether the frame that has come is taken. One that is due and finds nobody is dropped."""
        with self._changed:
            due = time.monotonic() >= self._due
            if due and self._taker is None:
                self._counters.dropped()
            return due and self._taker is not None

    def wait_until_wanted(self, closing: Event) -> bool:
        """False where `closing` is set first."""
        with self._changed:
            while not closing.is_set():
                left = self._due - time.monotonic()
                if self._taker is not None and left <= 0:
                    return True
                self._changed.wait(min(left, _LOOK_SECONDS) if left > 0 else _LOOK_SECONDS)
        return False

    def give(self, frame: Frame) -> None:
        """To the taker, who has been waiting."""
        with self._changed:
            self._due = time.monotonic() + self._period
            self._hand(frame)

    def release(self) -> None:
        """Who waits for a frame gets none."""
        with self._changed:
            self._hand(None)

    def end(self, error: Exception | None = None) -> None:
        """There are no more, or none because of a bug."""
        with self._changed:
            self._ended, self._error = True, error
            self._hand(None)

    def _hand(self, frame: Frame | None) -> None:
        taker, self._taker = self._taker, None
        if taker is not None:
            with suppress(RuntimeError):  # the event loop has ended
                self._loop.call_soon_threadsafe(_give, taker, frame)


def _give(taker: "asyncio.Future[Frame | None]", frame: Frame | None) -> None:
    if not taker.done():
        taker.set_result(frame)
