"""The frames of a source, read in a thread of its own, the newest first where nobody keeps up."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

import anyio

from edge.agent.sources.demand import Demand
from edge.agent.sources.frame import Frame, Shot, SourceKind
from edge.agent.sources.opening import Opening
from edge.agent.status.counters import SourceCounters
from edge.pictures.resampling import Picture
from protos.connection.backoff import Backoff
from protos.errors import IsthmusError, PictureError
from protos.terminal.units import format_time

_FIRST_SECONDS, _MAX_SECONDS = 0.5, 30.0
_CLOSE_SECONDS = 2.0

_log = logging.getLogger(__name__)


@asynccontextmanager
async def frames_of(
    kind: SourceKind, period: float, opening: Opening, counters: SourceCounters
) -> AsyncIterator[Demand]:
    """What takes the frames of a source, at most one every `period` seconds. A source that is lost is opened
    again until `opening.closing` is set, which leaving does.

    Of a live source the frames that nobody waits for are dropped and counted; of another each waits until it
    is taken. The thread is a daemon: a read that never returns holds up no process that ends.
    """
    demand = Demand(period, counters)
    reader = _Reader(kind, opening, counters, demand)
    thread = Thread(target=reader.run, name=f"source {kind.name}", daemon=True)
    thread.start()
    try:
        yield demand
    finally:
        opening.closing.set()
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_SECONDS):
            while await demand.take() is not None:
                continue


class _Reader:
    """What the thread does."""

    def __init__(self, kind: SourceKind, opening: Opening, counters: SourceCounters, demand: Demand) -> None:
        self._kind, self._opening, self._counters, self._demand = kind, opening, counters, demand
        self._opened, self._lost_at = False, 0.0
        self._backoff = Backoff(_FIRST_SECONDS, _MAX_SECONDS)

    def run(self) -> None:
        """Until the source ends, or is to be closed. What is raised is raised where frames are taken."""
        try:
            while not self._opening.closing.is_set() and not self._read():
                self._opening.closing.wait(self._backoff.seconds())
        except Exception as error:  # noqa: BLE001 - a bug ends the agent, not its thread alone
            self._demand.end(error)
        else:
            self._counters.entered("ended")
            self._demand.end()

    def _read(self) -> bool:
        """Open it and read; False where it was lost."""
        try:
            with self._kind.open(self._opening) as opened:
                if not self._lost_at:
                    _log.info("source %s is open", self._kind.name)
                for shot in opened.shots():
                    self._came(shot)
                    if self._opening.closing.is_set():
                        break
        except IsthmusError as error:
            self._lost(error)
            return False
        return True

    def _came(self, shot: Shot) -> None:
        self._found()
        if not self._kind.live and not self._demand.wait_until_wanted(self._opening.closing):
            return  # what was pushed, or lies in a folder, comes again when the source is opened
        self._counters.read()
        number = next(self._opening.numbers)
        if self._kind.live and not self._demand.wanted():
            return
        try:
            picture = _cropped(shot(), self._kind.region)
        except PictureError as error:
            _log.warning("source %s: %s", self._kind.name, error)
            return
        self._demand.give(Frame(self._kind.name, number, time.time(), picture))

    def _lost(self, error: IsthmusError) -> None:
        """Said once, however often it is tried again."""
        self._counters.entered("lost", str(error))
        if not self._lost_at:
            self._lost_at = time.monotonic()
            _log.warning("source %s is lost: %s", self._kind.name, error)

    def _found(self) -> None:
        """A frame has come."""
        if self._lost_at:
            gone = format_time(1000 * (time.monotonic() - self._lost_at))
            _log.warning("source %s is back after %s", self._kind.name, gone)
        if self._lost_at or not self._opened:
            self._counters.entered("open")
        self._opened, self._lost_at = True, 0.0
        self._backoff.reset()


def _cropped(picture: Picture, region: tuple[float, float, float, float] | None) -> Picture:
    """The part of a picture that a region names: left, top, width and height as shares of it."""
    if region is None:
        return picture
    (height, width), (left, top, wide, high) = picture.shape[:2], region
    x, y = min(round(left * width), width - 1), min(round(top * height), height - 1)
    right, bottom = max(round((left + wide) * width), x + 1), max(round((top + high) * height), y + 1)
    cropped: Picture = picture[y:bottom, x:right].copy()
    return cropped
