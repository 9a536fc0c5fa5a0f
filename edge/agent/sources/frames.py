"""The frames of a source, read in a thread of their own, the newest first where nobody keeps up."""

import math
import random
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import anyio
import anyio.from_thread
import anyio.to_thread

from edge.agent.sources.frame import Frame, SourceKind
from edge.pictures.resampling import Picture
from protos.errors import IsthmusError

_FIRST_SECONDS, _MAX_SECONDS = 0.5, 30.0


class FrameReader:
    """Reads a source, and opens it again where it is lost. `run` is a task; `frames` gives what it reads.

    Of a live source only the newest frame waits, and `dropped` counts the others; of another each waits
    until it is taken. `lost` gets the reason each time the source is lost.
    """

    def __init__(self, kind: SourceKind, lost: Callable[[IsthmusError], None]) -> None:
        self._kind, self._lost = kind, lost
        self._room = 1 if not kind.live else math.inf
        self._send, self._receive = anyio.create_memory_object_stream[Frame](self._room)
        self._sequence = 0
        self.dropped = 0

    async def run(self) -> None:
        """Until the source ends or the task is cancelled."""
        wait = _FIRST_SECONDS
        async with self._send:
            while True:
                before = self._sequence
                try:
                    await anyio.to_thread.run_sync(self._read, abandon_on_cancel=True)
                except IsthmusError as error:
                    self._lost(error)
                else:
                    return
                wait = _FIRST_SECONDS if self._sequence > before else min(2 * wait, _MAX_SECONDS)
                await anyio.sleep(wait * random.uniform(0.5, 1))

    async def frames(self) -> AsyncIterator[Frame]:
        """Frames, in order; of a live source the newest each time."""
        async for frame in self._receive:
            yield self._newest(frame)

    def _newest(self, frame: Frame) -> Frame:
        while self._kind.live:
            try:
                frame = self._receive.receive_nowait()
            except (anyio.WouldBlock, anyio.EndOfStream):
                break
            self.dropped += 1
        return frame

    def _read(self) -> None:
        """What the thread does."""
        with self._kind.open() as opened:
            for picture in opened.pictures():
                frame = self._framed(picture)
                put = partial(self._send.send_nowait, frame) if self._kind.live else None
                if put:
                    anyio.from_thread.run_sync(put)
                else:
                    anyio.from_thread.run(self._send.send, frame)

    def _framed(self, picture: Picture) -> Frame:
        self._sequence += 1
        return Frame(self._kind.name, self._sequence, time.time(), picture)
