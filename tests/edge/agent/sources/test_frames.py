"""Frames are taken when they are wanted, the newest first, and a source that is lost is opened again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import numpy as np
import pytest

from edge.agent.sources.frame import Frame, Shot
from edge.agent.sources.frames import frames_of
from edge.agent.sources.opening import Inboxes, Opening
from edge.agent.status.counters import SourceCounters
from edge.pictures.resampling import Picture
from protos.errors import PictureError, RequestError

RED = np.full((10, 20, 3), (255, 0, 0), np.uint8)


class Scripted:
    """A source that plays one script each time it is opened; a script ends in what it raises, if anything."""

    name = "scripted"
    region: tuple[float, float, float, float] | None = None

    def __init__(self, *scripts: list[Shot | Exception], live: bool = False) -> None:
        self._scripts, self.live = iter(scripts), live

    @contextmanager
    def open(self, opening: Opening) -> Iterator["Scripted"]:
        del opening
        self._script = next(self._scripts)
        yield self

    def shots(self) -> Iterator[Shot]:
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            yield step


def red() -> Picture:
    return RED


def broken() -> Picture:
    raise PictureError("this one is broken")


async def all_frames(source: Scripted, counters: SourceCounters) -> list[Frame]:
    found = []
    async with frames_of(source, 0.0, Opening(Inboxes()), counters) as demand:
        while (frame := await demand.take()) is not None:
            found.append(frame)
    return found


@pytest.mark.asyncio
async def test_each_frame_of_a_source_that_waits_is_given_but_those_that_are_no_picture() -> None:
    counters = SourceCounters()
    found = await all_frames(Scripted([red, broken, red]), counters)
    assert [frame.sequence for frame in found] == [1, 3]
    assert (counters.snapshot().state, counters.snapshot().read) == ("ended", 3)


@pytest.mark.asyncio
async def test_a_live_source_drops_what_nobody_waits_for_and_makes_no_picture_of_it() -> None:
    made, given = list[str](), Event()

    def shot(name: str) -> Shot:
        def make() -> Picture:
            made.append(name)
            return RED

        return make

    class Live(Scripted):
        def shots(self) -> Iterator[Shot]:
            yield shot("first")
            while not made:
                yield shot("first")
            for number in range(100):
                yield shot(f"dropped {number}")
            given.set()
            while len(made) < 2:
                yield shot("newest")

    counters = SourceCounters()
    async with frames_of(Live([], live=True), 0.0, Opening(Inboxes()), counters) as demand:
        assert await demand.take() is not None
        given.wait()
        assert await demand.take() is not None
    assert made == ["first", "newest"]
    assert counters.snapshot().dropped >= 100


@pytest.mark.asyncio
async def test_a_source_that_is_lost_and_back_says_so_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gone = RequestError("the cable is out")
    source = Scripted([red, gone], [gone], [red])
    assert len(await all_frames(source, SourceCounters())) == 2
    words = [record.getMessage() for record in caplog.records]
    assert words[:2] == ["source scripted is open", "source scripted is lost: the cable is out"]
    assert words[2].startswith("source scripted is back after ")
    assert len(words) == 3


@pytest.mark.asyncio
async def test_a_bug_in_the_thread_is_raised_where_frames_are_taken() -> None:
    with pytest.raises(ZeroDivisionError):
        await all_frames(Scripted([red, ZeroDivisionError()]), SourceCounters())


@pytest.mark.asyncio
async def test_a_read_that_never_returns_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.agent.sources.frames._CLOSE_SECONDS", 0.1)
    never = Event()

    class Stuck(Scripted):
        def shots(self) -> Iterator[Shot]:
            never.wait()
            yield red

    async with frames_of(Stuck([]), 0.0, Opening(Inboxes()), SourceCounters()):
        pass
    never.set()


@pytest.mark.asyncio
async def test_a_region_is_cut_out_of_every_frame() -> None:
    class Part(Scripted):
        region = (0.5, 0.0, 0.5, 0.5)

    def shot() -> Picture:
        picture = np.zeros((10, 20, 3), np.uint8)
        picture[:5, 10:] = 7
        return picture

    (frame,) = await all_frames(Part([shot]), SourceCounters())
    assert frame.picture.shape == (5, 10, 3)
    assert (frame.picture == 7).all()
