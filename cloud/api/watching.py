"""One Watch stream: frame after frame read, and answered where it is not as before."""

import time
from collections.abc import Sequence

from cloud.admission.frame_reader import AskedFrame, FrameReader
from cloud.api.call import Call, Received
from cloud.api.drain_gate import DrainGate
from cloud.api.replies import failure_of
from cloud.engine.engine import Engine
from cloud.engine.job import milliseconds_since
from cloud.telemetry.requests import RequestRecord
from cloud.telemetry.telemetry import Telemetry
from protos import inference_pb2 as ip
from protos.errors import RequestError


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
    ) -> None:
        self._call, self._opening, self._reader = call, opening, reader
        self._engine, self._gate, self._telemetry = engine, gate, telemetry
        self._sequence = 0  # of the frame that came last
        self._silent = 0  # frames that were as before, and have no reply so far
        self._said: str | None = None

    async def run(self) -> None:
        """Raises CloudError where the service drains, WrongBundle where its bundle is withdrawn, CloudBusy
        where its caller sends more than it may, and what the call raises.
        """
        while True:
            try:
                received = await self._next()
            except RequestError as error:  # no message: which frame it was, nobody knows
                await self._fail(0, error)
                continue
            if received is None:
                break
            self._call.charge(received)
            await self._answer_or_fail(received)
        if self._silent:
            await self._reply(ip.WatchReply(sequence=self._sequence))

    async def _next(self) -> Received[ip.WatchRequest] | None:
        async with self._reader.while_served():
            return await self._gate.unless_closing(self._call.next_request(ip.WatchRequest, lambda: True))

    async def _answer_or_fail(self, received: Received[ip.WatchRequest]) -> None:
        sequence = received.request.sequence
        try:
            record = RequestRecord("features", received.size)
            with self._telemetry.request(record), self._gate.entered():
                await self._answer(received, record)
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
            await self._as_before([milliseconds_since(arrived)])
            return
        self._telemetry.admitted(record, frame.job)
        text, done = await self._asked(frame)
        self._reader.answered(frame)
        if text == self._said and not done.scores:
            took = done.stages
            await self._as_before([took.decode, took.queue, took.tail, took.first_token, took.generate])
            return
        self._said = text
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
            events = [event async for event in frame.job.events()]
        *pieces, done = events
        assert isinstance(done, ip.Done)
        return "".join(map(str, pieces)), done

    async def _as_before(self, stages: Sequence[float]) -> None:
        """Say so, and what it took in milliseconds, or wait until enough frames are."""
        if self._silent < self._opening.silence:
            self._silent += 1
            return
        tenths = [round(10 * milliseconds) for milliseconds in stages]
        await self._reply(ip.WatchReply(sequence=self._sequence, stages=tenths))

    async def _fail(
        self, sequence: int, error: Exception, received: Received[ip.WatchRequest] | None = None
    ) -> None:
        self._call.refused(error, received)
        await self._reply(ip.WatchReply(sequence=sequence, failure=failure_of(error)))

    async def _reply(self, reply: ip.WatchReply) -> None:
        self._silent = 0
        await self._call.send(reply)

    def _deadline(self) -> float:
        seconds = self._opening.frame_milliseconds / 1000
        return min(self._call.deadline, time.monotonic() + seconds) if seconds else self._call.deadline
