"""The RPCs of the service: Infer, Converse, Embed, Describe."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from cloud.admission.cached_inputs import Request
from cloud.admission.input_processor import InputProcessor
from cloud.api.call import Call, Context
from cloud.api.drain_gate import DrainGate
from cloud.api.places import Places
from cloud.api.replies import failure, reply
from cloud.api.status import status_of
from cloud.engine.engine import Engine
from cloud.engine.job import Job
from protos import inference_pb2 as ip
from protos.errors import CloudError, RequestError
from protos.inference_pb2_grpc import InferenceServicer
from protos.limits import MAX_ID_BYTES, check_identity

_log = logging.getLogger(__name__)

R = TypeVar("R")


@dataclass(frozen=True)
class CallLimits:
    """What one call may ask for."""

    max_fields: int  # of a request
    max_in_flight: int  # requests of one Converse stream at once


class Inference(InferenceServicer):  # type: ignore[misc] # generated without types
    """Turns requests into jobs and their events into replies. Requests come as bytes."""

    def __init__(
        self,
        engine: Engine,
        input_processor: InputProcessor,
        gate: DrainGate,
        places: Places,
        description: ip.DescribeReply,
        limits: CallLimits,
    ) -> None:
        self._engine, self._input_processor = engine, input_processor
        self._gate, self._places = gate, places
        self._description, self._limits = description, limits

    async def Infer(self, _: object, context: Context) -> None:  # noqa: N802 - gRPC's name
        """Stream one answer."""
        await self._served(self._infer, context)

    async def Converse(self, _: object, context: Context) -> None:  # noqa: N802
        """Stream many answers at once, until the caller has no more questions or the service drains."""
        await self._served(self._converse, context)

    async def Describe(self, _: object, context: Context) -> ip.DescribeReply:  # noqa: N802
        """What is served, and the load."""
        return await self._served(self._describe, context)

    async def Embed(self, _: object, context: Context) -> ip.EmbedReply:  # noqa: N802
        """Embed a picture or texts."""
        return await self._served(self._embed, context)

    async def _served(self, serve: Callable[[Call], Awaitable[R]], context: Context) -> R:
        """Serve a call in a place of its own; whatever goes wrong, the caller gets a status."""
        call = Call(context, self._places, self._limits.max_fields)
        try:
            with self._places.taken(context.peer()):
                return await serve(call)
        except Exception as error:
            call.log_refusal(error)
            await context.abort(*status_of(error))
            raise

    async def _infer(self, call: Call) -> None:
        await self._answer(await call.request(ip.InferRequest), call)

    async def _describe(self, call: Call) -> ip.DescribeReply:
        await call.request(ip.DescribeRequest)
        description = ip.DescribeReply(load=self._engine.load())
        description.MergeFrom(self._description)
        return description

    async def _embed(self, call: Call) -> ip.EmbedReply:
        request = await call.request(ip.EmbedRequest)
        with self._gate.entered():
            job = await self._admit(request, call.deadline)
            with self._engine.holding(job):
                (embedded,) = [event async for event in job.events() if isinstance(event, ip.EmbedReply)]
        embedded.load.CopyFrom(self._engine.load())
        return embedded

    async def _converse(self, call: Call) -> None:
        room = asyncio.Semaphore(self._limits.max_in_flight)
        answers: set[asyncio.Task[None]] = set()

        async def answer(request: ip.InferRequest) -> None:
            try:
                await self._answer_or_fail(request, call)
            finally:
                room.release()

        async def read() -> None:
            async for request in call.requests(idle=lambda: not answers):
                if isinstance(request, RequestError):
                    call.log_refusal(request)
                    await call.send(failure("", request))
                    continue
                await room.acquire()
                task = tasks.create_task(answer(request), name=f"converse {request.id[:MAX_ID_BYTES]}")
                answers.add(task)
                task.add_done_callback(answers.discard)

        async with asyncio.TaskGroup() as tasks:
            await _first_of(
                tasks.create_task(read(), name="read"),
                tasks.create_task(self._gate.closing(), name="drain gate"),
            )
        if self._gate.closed:
            raise CloudError("the service is shutting down; open a new stream, another instance may answer")

    async def _answer_or_fail(self, request: ip.InferRequest, call: Call) -> None:
        identity = request.id[:MAX_ID_BYTES]
        try:
            await self._answer(request, call)
        except Exception as error:  # noqa: BLE001 - this request failed, the stream goes on
            call.log_refusal(error, request)
            # a caller that does not read its refusals fills no memory with what was refused
            request.Clear()
            await call.send(failure(identity, error))

    async def _answer(self, request: ip.InferRequest, call: Call) -> None:
        check_identity(request.id)
        with self._gate.entered():
            job = await self._admit(request, call.deadline)
            with self._engine.holding(job):
                async for event in job.events():
                    await call.send(reply(request.id, event, self._engine.load))
        _log.info(
            "answered %r at %s: total %.0f ms, queue %.0f ms",
            request.id,
            job.place.cut,
            job.stages.total,
            job.stages.queue,
        )

    async def _admit(self, request: Request, deadline: float) -> Job:
        with self._engine.queue.entering():
            return await self._input_processor.admit(request, deadline)


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    """Wait for one, cancel the others."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
