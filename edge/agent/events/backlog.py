"""Events that wait for their sinks: in the log where there is one, else in memory."""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread

from edge.agent.events.log.event_log import EventLog, Kept, LogEntry, Waiting
from edge.agent.settings.events import EventLogSettings

_log = logging.getLogger(__name__)
_MAX_IN_MEMORY = 1000
_AGAIN_SECONDS = 5.0  # until a log that could not be read is read again
_Value = TypeVar("_Value")


@contextmanager
def open_backlog(settings: EventLogSettings | None) -> Iterator["Backlog"]:
    """The log, or memory where there is none. Raises RequestError for a file that is no log of events."""
    if not settings:
        yield MemoryBacklog()
        return
    try:
        log = EventLog(settings.path, settings.keep.seconds, settings.max_bytes)
    except sqlite3.Error as error:
        _log.error("%s cannot be used (%s); events are kept in memory until a restart", settings.path, error)
        yield MemoryBacklog()
        return
    with closing(log):
        yield LogBacklog(log)


class Backlog(Protocol):
    """At least once: an event is there until `taken`."""

    async def add(self, entry: LogEntry) -> None: ...

    async def keep(self, source: str, event: str, kept: Kept) -> None:
        """What a rule knows, where no event comes of it."""

    async def kept(self) -> dict[tuple[str, str], Kept]:
        """What each rule knew when the last process ended, by source and name of the event."""

    async def next(self, sink: str) -> Waiting:
        """The oldest that a sink has not taken, as soon as there is one."""

    async def taken(self, sink: str, row: int) -> None: ...

    async def trim(self, now: float) -> None:
        """What is too old or too much goes. `now`: seconds since 1970."""


class MemoryBacklog:
    """For each sink its newest thousand events; `lost` counts those that were dropped for want of room."""

    def __init__(self, max_events: int = _MAX_IN_MEMORY) -> None:
        self._max_events = max_events
        self._waiting: dict[str, deque[Waiting]] = {}
        self._count, self._added = 0, anyio.Event()
        self.lost = 0

    async def add(self, entry: LogEntry) -> None:
        self._count -= 1  # a row below zero is none of the log
        for sink in entry.sinks:
            waiting = self._waiting.setdefault(sink, deque())
            waiting.append(Waiting(self._count, entry.event))
            if len(waiting) > self._max_events:
                waiting.popleft()
                if not self.lost:
                    _log.warning("sink %s is away: of its events the oldest are dropped", sink)
                self.lost += 1
        self._added.set()
        self._added = anyio.Event()

    async def keep(self, source: str, event: str, kept: Kept) -> None:
        """Nothing outlives this process."""

    async def kept(self) -> dict[tuple[str, str], Kept]:
        return {}

    async def trim(self, now: float) -> None:
        """Room is bounded as it is."""

    async def next(self, sink: str) -> Waiting:
        while not (first := self.first(sink)):
            await self._added.wait()
        return first

    def first(self, sink: str) -> Waiting | None:
        """The same, if there is one."""
        waiting = self._waiting.get(sink)
        return waiting[0] if waiting else None

    async def taken(self, sink: str, row: int) -> None:
        waiting = self._waiting.get(sink)
        if waiting and waiting[0].row == row:  # else it was dropped meanwhile
            waiting.popleft()


class LogBacklog:
    """What the log holds, one statement at a time, in a thread. Where it fails, as on a full disk, events are
    kept in memory, which is said once.
    """

    def __init__(self, log: EventLog) -> None:
        self._file, self._limiter = log, anyio.CapacityLimiter(1)
        self._memory = MemoryBacklog()
        self._taken: dict[str, int] = {}  # the last of the log, by sink
        self._added, self._failing = anyio.Event(), False

    @property
    def lost(self) -> int:
        return self._file.lost + self._memory.lost

    async def add(self, entry: LogEntry) -> None:
        try:
            await self._run(partial(self._file.add, entry))
        except sqlite3.Error as error:
            self._failed(error)
            await self._memory.add(entry)
        else:
            self._works()
        self._added.set()
        self._added = anyio.Event()

    async def keep(self, source: str, event: str, kept: Kept) -> None:
        try:
            await self._run(partial(self._file.keep, source, event, kept))
        except sqlite3.Error as error:
            self._failed(error)

    async def kept(self) -> dict[tuple[str, str], Kept]:
        try:
            return await self._run(self._file.kept)
        except sqlite3.Error as error:
            self._failed(error)
            return {}

    async def next(self, sink: str) -> Waiting:
        while True:
            added = self._added
            if waiting := await self._first(sink):
                return waiting
            with anyio.move_on_after(_AGAIN_SECONDS if self._failing else None):
                await added.wait()

    async def taken(self, sink: str, row: int) -> None:
        """Where the log cannot note it, only another process gives the event to the sink again."""
        if row < 0:
            await self._memory.taken(sink, row)
            return
        self._taken[sink] = row
        try:
            await self._run(partial(self._file.taken, sink, row))
        except sqlite3.Error as error:
            self._failed(error)

    async def trim(self, now: float) -> None:
        lost = self._file.lost
        try:
            await self._run(partial(self._file.trim, now))
        except sqlite3.Error as error:
            self._failed(error)
        if self._file.lost > lost:
            _log.warning(
                "the log of events let go of %s that no sink had taken in time", self._file.lost - lost
            )

    async def _first(self, sink: str) -> Waiting | None:
        try:
            found = await self._run(partial(self._file.first, sink, self._taken.get(sink, 0)))
        except sqlite3.Error as error:
            self._failed(error)
            found = None
        return found or self._memory.first(sink)

    async def _run(self, call: Callable[[], _Value]) -> _Value:
        return await anyio.to_thread.run_sync(call, limiter=self._limiter)

    def _failed(self, error: sqlite3.Error) -> None:
        if not self._failing:
            _log.error("the log of events fails (%s); events are kept in memory until it works", error)
        self._failing = True

    def _works(self) -> None:
        if self._failing:
            _log.info("the log of events works again")
        self._failing = False
