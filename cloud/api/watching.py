"""One Watch stream: frame after frame read, and answered where it is not as before."""

import asyncio
import math
import time
from contextlib import suppress

from cloud.admission.frame_reader import AskedFrame, FrameReader
from cloud.api.call import Call, Received
from cloud.api.drain_gate import DrainGate
from cloud.api.replies import failure_of
from cloud.engine.engine import Engine
from cloud.engine.job import Screen, milliseconds_since
from cloud.sharing.rates import OverRate
from cloud.telemetry.requests import RequestRecord
from cloud.telemetry.telemetry import Telemetry
from protos import inference_pb2 as ip
from protos.errors import CloudError, RequestError

_MAX_SEQUENCE = 2**32 - 1


class Watch:
    """Answers the frames of a stream in their order, until its caller has no more or the service drains."""

    def __init__(
        self,
        call: Call,
        opening: ip.WatchOpening,
        reader: FrameReader,
        engine: Engine,
        gate: DrainGate,
        telemetry: Telemetry,
        screen: Screen | None,
    ) -> None:
        """`screen`: what answers pass on their way out."""
        self._call, self._opening, self._reader = call, opening, reader
        self._engine, self._gate, self._telemetry = engine, gate, telemetry
        self._screen = screen
        self._sequence = 0  # of the frame that came last
        self._still = False  # the last reply was: as before, without the model
        self._silent, self._due = 0, math.inf  # frames without a reply since, and when they have one
        self._arrived = 0.0  # when the last frame came that was as before
        self._said: tuple[str, ip.Done.Reason] | None = None  # and how it ended

    async def run(self) -> None:
        """Raises CloudError where the service drains, WrongBundle where its bundle is withdrawn, CloudBusy
        where its caller sends more than it may or another needs the place, and what the call raises.
        """
        try:
            await self._answer_all()
        except CloudError:
            with suppress(CloudError):  # its caller cannot be told any more
                await self._confirm()
            raise
        await self._confirm()

    async def _answer_all(self) -> None:
        while True:
            try:
                received = await self._next()
            except RequestError as error:  # no message: which frame it was, nobody knows
                await self._fail(0, error)
                continue
            if received is None:
                return
            await self._answer_or_fail(received)

    async def _next(self) -> Received[ip.WatchRequest] | None:
        """The next frame. Those without a reply have theirs when it is due."""
        reading = asyncio.ensure_future(
            self._gate.unless_closing(self._call.next_request(ip.WatchRequest, lambda: True))
        )
        try:
            async with self._reader.while_served():
                while not reading.done():
                    left = self._due - time.monotonic()
                    await asyncio.wait({reading}, timeout=None if left == math.inf else max(left, 0.0))
                    if time.monotonic() >= self._due:
                        await self._confirm()
                return reading.result()
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _confirm(self) -> None:
        """Say of the frames that have no reply that they are as before."""
        if self._silent:
            await self._reply(ip.WatchReply(sequence=self._sequence), still=True)

    async def _answer_or_fail(self, received: Received[ip.WatchRequest]) -> None:
        following = min(self._sequence + 1, _MAX_SEQUENCE)
        sequence = received.request.sequence = received.request.sequence or following
        try:
            record = RequestRecord("features", received.size)
            with self._telemetry.request(record), self._gate.entered():
                self._call.charge(received)
                await self._answer(received, record)
        except OverRate:
            raise  # the stream ends with it
        except Exception as error:  # noqa: BLE001 - this frame failed, the stream goes on
            self._call.release(received, "payloads")
            await self._fail(sequence, error, received)

    async def _answer(self, received: Received[ip.WatchRequest], record: RequestRecord) -> None:
        request, deadline, arrived = received.request, self._deadline(), time.monotonic()
        self._check(request)
        self._sequence = request.sequence
        try:
            frame = await self._reader.read(request.payloads, deadline, key_frame=request.key_frame)
        finally:
            self._call.release(received, "payloads")
        if frame is None:
            record.unchanged(self._opening)
            await self._as_before(arrived)
            return
        self._telemetry.admitted(record, frame.job)
        if self._still and self._opening.silence:
            await self._reply(ip.WatchReply(sequence=self._sequence, running=True))
        text, done = await self._asked(frame)
        self._reader.answered(frame)
        said = text, done.reason
        if said == self._said and not done.scores:
            took = done.stages
            stages = _tenths(took.decode, took.queue, took.tail, took.first_token, took.generate)
            await self._reply(ip.WatchReply(sequence=self._sequence, stages=stages))
            return
        self._said = said
        done.load.CopyFrom(self._engine.load())
        await self._reply(ip.WatchReply(sequence=self._sequence, text=text, done=done))

    def _check(self, request: ip.WatchRequest) -> None:
        """Raises RequestError for what is no frame that could follow."""
        if request.HasField("opening"):
            raise RequestError("the stream is open already; open another one for another question")
        if request.sequence <= self._sequence:
            raise RequestError(
                f"frame {request.sequence} came behind frame {self._sequence}; number the frames upwards, "
                "from 1",
                sequence=request.sequence,
            )

    async def _asked(self, frame: AskedFrame) -> tuple[str, ip.Done]:
        """The whole answer about a frame, and its end."""
        with self._engine.holding(frame.job):
            events = [event async for event in frame.job.events(self._screen)]
        *pieces, done = events
        assert isinstance(done, ip.Done)
        return "".join(map(str, pieces)), done

    async def _as_before(self, arrived: float) -> None:
        """Say so, and what it took, unless that may be left out until the next frame comes."""
        now, limit = time.monotonic(), self._opening.silence_milliseconds / 1000 or math.inf
        due = self._due if self._silent else now + limit
        following, self._arrived = now + arrived - self._arrived, arrived
        if self._still and self._silent < self._opening.silence and following < due:
            self._silent, self._due = self._silent + 1, due
            return
        reply = ip.WatchReply(sequence=self._sequence, stages=_tenths(milliseconds_since(arrived)))
        await self._reply(reply, still=True)

    async def _fail(
        self, sequence: int, error: Exception, received: Received[ip.WatchRequest] | None = None
    ) -> None:
        self._call.refused(error, received)
        await self._reply(ip.WatchReply(sequence=sequence, failure=failure_of(error)))

    async def _reply(self, reply: ip.WatchReply, *, still: bool = False) -> None:
        self._silent, self._due, self._still = 0, math.inf, still
        await self._call.send(reply)

    def _deadline(self) -> float:
        seconds = self._opening.frame_milliseconds / 1000
        return min(self._call.deadline, time.monotonic() + seconds) if seconds else self._call.deadline


def _tenths(*milliseconds: float) -> list[int]:
    """As `WatchReply.stages` has them."""
    return [round(10 * one) for one in milliseconds]
