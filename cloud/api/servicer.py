"""The RPCs of the service: Infer, Converse, Watch, Embed, Describe."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from cloud.admission.cached_inputs import owner_of
from cloud.admission.input_processor import InputProcessor
from cloud.api.access import Context
from cloud.api.call import Call, Calls, Received, telling
from cloud.api.callers import Callers
from cloud.api.drain_gate import DrainGate, closed_stream
from cloud.api.kept import Kept
from cloud.api.keyed_answers import RequestKey, request_key
from cloud.api.replies import failure, log_answered, reply
from cloud.api.watching import Watch
from cloud.engine.engine import Engine
from cloud.engine.job import NEVER, Job
from cloud.sharing.caller import Caller
from cloud.telemetry.requests import RequestRecord
from cloud.telemetry.telemetry import Telemetry
from protos import inference_pb2 as ip
from protos.errors import RequestError
from protos.inference_pb2_grpc import InferenceServicer
from protos.limits import MAX_ID_BYTES, check_identity

R = TypeVar("R", ip.InferRequest, ip.EmbedRequest)
T = TypeVar("T")


class Inference(InferenceServicer):  # type: ignore[misc] # generated without types
    """Turns requests into jobs and their events into replies. Requests come as bytes."""

    def __init__(
        self,
        engine: Engine,
        input_processor: InputProcessor,
        gate: DrainGate,
        callers: Callers,
        kept: Kept,
        telemetry: Telemetry,
        describe: Callable[[Caller], ip.DescribeReply],
        max_in_flight: int,
    ) -> None:
        """`describe`: to a caller, but for the load; `max_in_flight`: requests of one Converse stream at
        once.
        """
        self._engine, self._input_processor = engine, input_processor
        self._gate, self._calls, self._streams = gate, callers.calls, callers.streams
        self._answers, self._keyed = kept.answers, kept.keyed
        self._described, self._max_in_flight = describe, max_in_flight
        self._telemetry = telemetry

    async def Infer(self, _: object, context: Context) -> None:  # noqa: N802 - gRPC's name
        """Stream one answer."""
        await self._served("Infer", self.infer, context)

    async def Converse(self, _: object, context: Context) -> None:  # noqa: N802
        """Stream many answers at once, until the caller has no more questions or the service drains."""
        await self._served("Converse", self._converse, context)

    async def Watch(self, _: object, context: Context) -> None:  # noqa: N802
        """Stream answers about the frames of one camera."""
        await self._served("Watch", self._watch, context, self._streams)

    async def Describe(self, _: object, context: Context) -> ip.DescribeReply:  # noqa: N802
        """What is served, and the load."""
        return await self._served("Describe", self._describe, context)

    async def Embed(self, _: object, context: Context) -> ip.EmbedReply:  # noqa: N802
        """Embed a picture or texts."""
        return await self._served("Embed", self.embed, context)

    async def _served(
        self,
        method: str,
        serve: Callable[[Call], Awaitable[T]],
        context: Context,
        calls: Calls | None = None,
    ) -> T:
        async with telling(context):
            with self._telemetry.call(method, context.invocation_metadata() or ()):
                return await (calls or self._calls).within(serve, context)

    async def infer(self, call: Call) -> None:
        """Stream the answer to the one request of a call."""
        received = await call.request(ip.InferRequest)
        with self._told(received) as record:
            await self._answer(received, call, record)

    async def _describe(self, call: Call) -> ip.DescribeReply:
        await call.request(ip.DescribeRequest)
        description = self._described(call.caller)
        description.load.CopyFrom(self._engine.load())
        return description

    async def embed(self, call: Call) -> ip.EmbedReply:
        """Embed what the one request of a call brings."""
        received = await call.request(ip.EmbedRequest)
        with self._told(received) as record, self._gate.entered():
            job = await self._admit(received, call, record)
            with self._engine.holding(job):
                (embedded,) = [event async for event in job.events() if isinstance(event, ip.EmbedReply)]
        embedded.load.CopyFrom(self._engine.load())
        return embedded

    async def _converse(self, call: Call) -> None:
        room = asyncio.Semaphore(self._max_in_flight)
        answers: set[asyncio.Task[None]] = set()

        async def answer(received: Received[ip.InferRequest]) -> None:
            try:
                await self._answer_or_fail(received, call)
            finally:
                room.release()

        async def read() -> None:
            while True:
                await room.acquire()  # what there is no room for stays with the caller
                try:
                    received = await call.next_request(ip.InferRequest, lambda: not answers)
                except RequestError as error:
                    room.release()
                    call.refused(error)
                    await call.send(failure("", error))
                    continue
                if received is None:
                    return
                name = f"converse {received.request.id[:MAX_ID_BYTES]}"
                task = tasks.create_task(answer(received), name=name)
                answers.add(task)
                task.add_done_callback(answers.discard)

        async with asyncio.TaskGroup() as tasks:
            await _first_of(
                tasks.create_task(read(), name="read"),
                tasks.create_task(self._gate.closing(), name="drain gate"),
            )
        if self._gate.closed:
            raise closed_stream()

    async def _watch(self, call: Call) -> None:
        received = await call.request(ip.WatchRequest)
        if not received.request.HasField("opening") or received.request.payloads:
            raise RequestError("a Watch stream begins with an opening, alone in its message; send one first")
        opening = received.request.opening
        call.release(received, "payloads")
        async with self._input_processor.watching(opening, call.caller, call.deadline) as reader:
            watch = Watch(
                call, opening, reader, self._engine, self._gate, self._telemetry, self._answers.screen
            )
            await watch.run()

    async def _answer_or_fail(self, received: Received[ip.InferRequest], call: Call) -> None:
        identity = received.request.id[:MAX_ID_BYTES]
        try:
            with self._told(received) as record:
                call.charge(received)
                await self._answer(received, call, record)
        except Exception as error:  # noqa: BLE001 - this request failed, the stream goes on
            call.refused(error, received)
            # a caller that does not read its refusals fills no memory with what was refused
            call.release(received)
            received.request.Clear()
            await call.send(failure(identity, error))

    async def _answer(self, received: Received[ip.InferRequest], call: Call, record: RequestRecord) -> None:
        identity = received.request.id
        with self._gate.entered():
            check_identity(identity)
            if key := request_key(received.request, call.caller):
                await self._answer_once(key, received, call, record)
                return
            job = await self._admit(received, call, record)
            with self._answers.answering(job) as events:
                async for event in events:
                    await call.send(reply(identity, event, self._engine.load))
        log_answered(identity, job)

    def _due(self, received: Received[R], call: Call) -> float:
        """When a run of the model would be too late. Where an answer may be there already, it is looked for
        first: a run that would be too late is refused behind that.
        """
        request = received.request
        kept = isinstance(request, ip.InferRequest) and self._answers.may_have(owner_of(request, call.caller))
        return NEVER if kept else call.deadline

    def _told(self, received: Received[R]) -> AbstractContextManager[RequestRecord]:
        return self._telemetry.request(RequestRecord.of(received.request, received.size))

    async def _answer_once(
        self, key: RequestKey, received: Received[ip.InferRequest], call: Call, record: RequestRecord
    ) -> None:
        """Answer a request that has a key: by a run of its own, or by an earlier try's."""
        run = self._keyed.find(key)
        if run is None:
            with self._keyed.starting(key) as run:
                run.begin(await self._admit(received, call, record))
        else:
            call.release(received, *_inputs(received.request))
        with self._keyed.awaited(run):
            async for event in run.events():
                await call.send(reply(received.request.id, event, self._engine.load))

    async def _admit(self, received: Received[R], call: Call, record: RequestRecord) -> Job:
        """The job of a request, which lets go of its input."""
        try:
            bundle = received.request.bundle.hex()
            async with self._engine.queue.entering(call.caller, bundle, self._due(received, call)):
                job = await self._input_processor.admit(received.request, call.caller, call.deadline)
        finally:
            call.release(received, *_inputs(received.request))
        self._telemetry.admitted(record, job)
        return job


def _inputs(request: ip.InferRequest | ip.EmbedRequest) -> list[str]:
    """The fields that hold pictures, features or texts."""
    return [field.name for field in request.DESCRIPTOR.oneofs_by_name["input"].fields]


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    """Wait for one, cancel the others."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
