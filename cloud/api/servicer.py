"""The RPCs of the service: Infer, Converse, Embed, Describe."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import grpc

from cloud.admission.cached_inputs import Request
from cloud.admission.input_processor import InputProcessor
from cloud.api.drain_gate import DrainGate
from cloud.api.replies import Send, failure, one_at_a_time, reply
from cloud.api.status import status_of
from cloud.engine.engine import Engine
from cloud.engine.job import NEVER, Job
from protos import inference_pb2 as ip
from protos.errors import CloudError
from protos.inference_pb2_grpc import InferenceServicer
from protos.limits import MAX_ID_BYTES, check_identity

_log = logging.getLogger(__name__)

_SHOWN_DIGITS = 12  # of a digest

Context = grpc.aio.ServicerContext[ip.InferRequest, ip.InferReply]


class Inference(InferenceServicer):  # type: ignore[misc] # generated without types
    """Turns requests into jobs and their events into replies."""

    def __init__(
        self,
        engine: Engine,
        input_processor: InputProcessor,
        gate: DrainGate,
        description: ip.DescribeReply,
        max_in_flight: int,
    ) -> None:
        self._engine, self._input_processor, self._gate = engine, input_processor, gate
        self._description, self._max_in_flight = description, max_in_flight

    async def Infer(self, request: ip.InferRequest, context: Context) -> None:  # noqa: N802 - gRPC's name
        """Stream one answer."""
        try:
            await self._answer(request, _deadline(context), context.write)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a status
            _log_refusal(request, context, error)
            await context.abort(*status_of(error))

    async def Converse(self, requests: AsyncIterator[ip.InferRequest], context: Context) -> None:  # noqa: N802
        """Stream many answers at once, until the caller has no more questions or the service drains."""
        send, room = one_at_a_time(context.write), asyncio.Semaphore(self._max_in_flight)

        async def answer(request: ip.InferRequest) -> None:
            try:
                await self._answer_or_fail(request, context, send)
            finally:
                room.release()

        async def read() -> None:
            async for request in requests:
                await room.acquire()
                tasks.create_task(answer(request), name=f"converse {request.id[:MAX_ID_BYTES]}")

        async with asyncio.TaskGroup() as tasks:
            await _first_of(
                tasks.create_task(read(), name="read"),
                tasks.create_task(self._gate.closing(), name="drain gate"),
            )
        if self._gate.closed:
            await context.abort(
                *status_of(
                    CloudError("the service is shutting down; open a new stream, another instance may answer")
                )
            )

    async def Describe(self, request: ip.DescribeRequest, context: object) -> ip.DescribeReply:  # noqa: ARG002, N802
        """What is served, and the load."""
        description = ip.DescribeReply(load=self._engine.load())
        description.MergeFrom(self._description)
        return description

    async def Embed(self, request: ip.EmbedRequest, context: Context) -> ip.EmbedReply:  # noqa: N802
        """Embed a picture or texts."""
        try:
            return await self._embed(request, _deadline(context))
        except Exception as error:
            _log_refusal(request, context, error)
            await context.abort(*status_of(error))
            raise

    async def _embed(self, request: ip.EmbedRequest, deadline: float) -> ip.EmbedReply:
        with self._gate.entered():
            job = await self._admit(request, deadline)
            with self._engine.holding(job):
                (embedded,) = [event async for event in job.events() if isinstance(event, ip.EmbedReply)]
        embedded.load.CopyFrom(self._engine.load())
        return embedded

    async def _answer_or_fail(self, request: ip.InferRequest, context: Context, send: Send) -> None:
        identity = request.id[:MAX_ID_BYTES]
        try:
            await self._answer(request, _deadline(context), send)
        except Exception as error:  # noqa: BLE001 - this request failed, the stream goes on
            _log_refusal(request, context, error)
            # a caller that does not read its refusals fills no memory with what was refused
            request.Clear()
            await send(failure(identity, error))

    async def _answer(self, request: ip.InferRequest, deadline: float, send: Send) -> None:
        check_identity(request.id)
        with self._gate.entered():
            job = await self._admit(request, deadline)
            with self._engine.holding(job):
                async for event in job.events():
                    await send(reply(request.id, event, self._engine.load))
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


def _log_refusal(request: Request, context: Context, error: Exception) -> None:
    """One line for the operator: never the question, nor the error's words, which may quote it."""
    _log.warning(
        "refused %s: %s, bundle %r, %d bytes",
        context.peer(),
        type(error).__name__,
        request.bundle[:_SHOWN_DIGITS],
        request.ByteSize(),
    )


def _deadline(context: Context) -> float:
    left = context.time_remaining()
    return NEVER if left is None else time.monotonic() + left


async def _first_of(*tasks: asyncio.Task[None]) -> None:
    """Wait for one, cancel the others."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
