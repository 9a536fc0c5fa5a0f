"""An open call: what comes from its caller, and what goes there."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc

from cloud.admission.cached_inputs import Request
from cloud.api.messages import parse
from cloud.api.places import Places
from cloud.api.status import first_of
from protos import inference_pb2 as ip
from protos.errors import CloudError, RequestError

_log = logging.getLogger(__name__)

_CALLER_SECONDS = 60.0  # for a caller to send its request, or to read a reply
_ANSWER_SECONDS = 600.0  # for an answer to a caller who names no deadline
_SHOWN_DIGITS = 12  # of a digest

R = TypeVar("R", ip.InferRequest, ip.EmbedRequest, ip.DescribeRequest)
Context = grpc.aio.ServicerContext[Any, ip.InferReply]  # bytes, or EOF


class Call:
    """Reads and writes for the servicer, and waits for the caller so long only as its place is not needed."""

    def __init__(self, context: Context, places: Places, max_fields: int) -> None:
        self._context, self._places = context, places
        self._max_fields = max_fields
        self._writing = asyncio.Lock()  # a stream takes one message at a time
        self._failed: CloudError | None = None
        self._request: Request | None = None

    @property
    def deadline(self) -> float:
        """When an answer to what comes now is worth nothing any more, by the monotonic clock."""
        left = self._context.time_remaining()
        return time.monotonic() + min(_ANSWER_SECONDS, _ANSWER_SECONDS if left is None else left)

    async def request(self, kind: type[R]) -> R:
        """The request of a call that has one. Raises RequestError, DeadlineError or CloudBusy."""
        async with self._places.waiting(self._context.peer(), _CALLER_SECONDS):
            message = await self._context.read()
        if message is grpc.aio.EOF:
            raise RequestError("the call ended without a request; send one")
        request = parse(kind, message, self._max_fields)
        self._request = None if isinstance(request, ip.DescribeRequest) else request
        return request

    async def requests(self, idle: Callable[[], bool]) -> AsyncIterator[ip.InferRequest | RequestError]:
        """Those of a call that has many, or why a message is none. `idle`: whether nobody awaits an answer.

        Raises CloudBusy where another call needs the place.
        """
        while True:
            async with self._places.waiting(self._context.peer(), None, idle):
                message = await self._context.read()
            if message is grpc.aio.EOF:
                return
            try:
                yield parse(ip.InferRequest, message, self._max_fields)
            except RequestError as error:
                yield error

    async def send(self, message: ip.InferReply) -> None:
        """Write a reply. Raises DeadlineError or CloudBusy, and from then on always: the call is over."""
        async with self._writing:
            if self._failed:
                raise self._failed
            try:
                async with self._places.waiting(self._context.peer(), _CALLER_SECONDS):
                    await self._context.write(message)
            except CloudError as error:
                self._failed = error
                raise
            except grpc.aio.InternalError:  # the caller hung up; gRPC is about to cancel this call
                raise asyncio.CancelledError from None

    def log_refusal(self, error: Exception, request: Request | None = None) -> None:
        """One line for the operator: never the question, nor the error's words, which may quote it."""
        request = request or self._request or ip.InferRequest()
        _log.warning(
            "refused %s: %s, bundle %r, %d bytes",
            self._context.peer(),
            type(first_of(error)).__name__,
            request.bundle[:_SHOWN_DIGITS],
            request.ByteSize(),
        )
