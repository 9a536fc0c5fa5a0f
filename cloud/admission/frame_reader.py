"""Frames of one Watch stream as they come: read by turns with others', compared, and kept for the next."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from cloud.admission.watched import WatchedFrames
from cloud.engine.encoder_cache import StreamFrames
from cloud.engine.job import Job, milliseconds_since
from cloud.sharing.caller import Caller
from cloud.sharing.turns import Turns
from protos.codec.payload import Frame
from protos.errors import IsthmusError


class AskedFrame(NamedTuple):
    """A frame to be asked about."""

    job: Job
    sent: Frame


class FrameReader:
    """Belongs to the event loop."""

    def __init__(
        self,
        frames: WatchedFrames,
        kept: StreamFrames,
        turns: Turns,
        caller: Caller,
        while_served: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """`while_served`: around a wait for the next frame; raises WrongBundle once the bundle is
        withdrawn.
        """
        self._frames, self._kept, self._turns, self._caller = frames, kept, turns, caller
        self.while_served = while_served

    async def read(self, payloads: Sequence[bytes], deadline: float, *, key_frame: bool) -> AskedFrame | None:
        """Read the next frame, against the last one unless it is a key frame; None where it is as the one
        that was answered last. Raises UnknownFrame, PayloadError or TooLarge; only a key frame follows then.
        """
        arrived = time.monotonic()
        try:
            reference, answered = None if key_frame else self._kept.last, self._kept.answered
            found = await self._turns.run(
                self._caller, deadline, self._frames.read, payloads, reference, answered
            )
        except IsthmusError:
            self._kept.forget_last()
            raise
        self._kept.read(found.sent)
        if (job := found.job) is None:
            return None
        job.caller, job.arrived, job.deadline = self._caller, arrived, deadline
        job.stages.decode = milliseconds_since(arrived)
        return AskedFrame(job, found.sent)

    def answered(self, frame: AskedFrame) -> None:
        """Those that come are compared with this one."""
        self._kept.answer(frame.sent)
