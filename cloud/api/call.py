"""An open call: what comes from its caller, and what goes there."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from cloud.api.access import Access, CallContext, Context
from cloud.api.messages import parse
from cloud.api.places import CallIdle, Places
from cloud.api.request_bytes import Held, RequestBytes
from cloud.api.status import reason_of, status_of
from cloud.engine.job import UNREAD_SECONDS
from cloud.identity.identity import Role
from cloud.sharing.caller import Caller, caller_of
from cloud.sharing.fruitless import UNREAD, Fruitless
from cloud.sharing.rates import Rates
from cloud.telemetry.statuses import first_of
from protos.connection.failures import REASON
from protos.errors import CloudError, NotPermitted, RequestError, Unauthenticated
from protos.http.refusals import Refused

_log = logging.getLogger(__name__)

_CALLER_SECONDS = 60.0  # for a caller to send its request, or to read a reply
_ANSWER_SECONDS = 600.0  # for an answer to a caller who names no deadline
_SHOWN_DIGITS = 12  # of a digest
_MAX_LINGERING = 512  # ended calls whose callers are told late

M = TypeVar("M", bound=Message)
R = TypeVar("R")
_TOLD_LATE = (CallIdle, Unauthenticated, NotPermitted)  # who was ended so would only begin another at once


@dataclass
class Received(Generic[M]):
    """A request, how long it was, and how much of it still counts."""

    request: M
    size: int
    held: int


class Call:
    """Reads and writes for a servicer, and waits for the caller so long only as its place is not needed."""

    def __init__(
        self,
        context: CallContext,
        places: Places,
        request_bytes: RequestBytes,
        held: Held,
        fruitless: Fruitless,
        rates: Rates,
        max_fields: int,
    ) -> None:
        self.context, self._places = context, places
        self._request_bytes, self._held = request_bytes, held
        self._fruitless, self._rates, self._max_fields = fruitless, rates, max_fields
        self._received: Received[Any] | None = None  # of a call that has one
        self._writing = asyncio.Lock()  # a stream takes one message at a time
        self._failed: CloudError | None = None

    @property
    def caller(self) -> Caller:
        return self._held.caller

    @property
    def deadline(self) -> float:
        """When an answer to what comes now is worth nothing any more, by the monotonic clock."""
        left = self.context.time_remaining()
        return time.monotonic() + min(_ANSWER_SECONDS, _ANSWER_SECONDS if left is None else left)

    async def request(self, kind: type[M]) -> Received[M]:
        """The request of a call that has one. Raises RequestError, DeadlineError, or CloudBusy, for who is
        over its rate before anything is read.
        """
        self._rates.check(self.caller)
        received = await self.next_request(kind, lambda: True, _CALLER_SECONDS)
        if received is None:
            raise RequestError("the call ended without a request; send one")
        self._received = received
        self.charge(received)
        return received

    def charge(self, received: Received[Any]) -> None:
        """Count a request of a stream; `request` has counted its own. Raises OverRate for a caller over its
        rate.
        """
        self._rates.take(self.caller, received.size)

    async def next_request(
        self, kind: type[M], idle: Callable[[], bool], seconds: float | None = None
    ) -> Received[M] | None:
        """The next of a call that may have many; None at their end. `idle`: whether nobody awaits an answer.

        Raises RequestError for a message that is none, CloudBusy where another call needs the place, and
        DeadlineError after so many seconds.
        """
        async with self._places.waiting(self.caller, None, idle):
            if seconds_held_back := self._fruitless.seconds(self.caller):
                await asyncio.sleep(seconds_held_back)
            reserved = await self._request_bytes.reserve(self._held)
        async with self._places.waiting(self.caller, seconds, idle, reads=True):
            message = await self.context.read()
        size = 0 if message is grpc.aio.EOF else len(message)
        self._request_bytes.release(self._held, reserved - size)
        if message is grpc.aio.EOF:
            return None
        try:
            return Received(parse(kind, message, self._max_fields), size, size)
        except RequestError:
            self._request_bytes.release(self._held, size)
            raise

    def release(self, received: Received[M], *fields: str) -> None:
        """Drop these fields of a request, which counts no more from now on."""
        for field in fields:
            received.request.ClearField(field)
        self._request_bytes.release(self._held, received.held)
        received.held = 0

    def yielding(self) -> AbstractAsyncContextManager[None]:
        """Around work for which another call may take this one's place. Raises CloudBusy then."""
        return self._places.waiting(self.caller, None)

    async def send(self, message: Message) -> None:
        """Write a reply. Raises DeadlineError or CloudBusy, and from then on always: the call is over."""
        async with self._writing:
            if self._failed:
                raise self._failed
            try:
                began = time.monotonic()
                async with self._places.waiting(
                    self.caller, _CALLER_SECONDS, lambda: time.monotonic() - began > UNREAD_SECONDS
                ):
                    await self.context.write(message)
            except CloudError as error:
                self._failed = error
                self._fruitless.count(self.caller, UNREAD)
                raise
            except grpc.aio.InternalError:  # the caller hung up; gRPC is about to cancel this call
                raise asyncio.CancelledError from None

    def refused(self, error: Exception, received: Received[Any] | None = None) -> None:
        """Count it, and write one line for the operator: never the question, nor the error's words, which may
        quote it.
        """
        if isinstance(first_of(error), (RequestError, Refused)):
            self._fruitless.count(self.caller)
        received = received or self._received
        bundle: bytes = getattr(received.request, "bundle", b"") if received else b""
        _log.warning(
            "refused %s: %s, bundle %r, %d bytes",
            self.context.peer(),
            type(first_of(error)).__name__,
            bundle[: _SHOWN_DIGITS // 2].hex(),
            received.size if received else 0,
            extra={"error": type(first_of(error)).__name__},
        )


class Calls:
    """The calls of a service: each is its caller's, and has a place and an account of bytes."""

    def __init__(
        self,
        access: Access,
        places: Places,
        request_bytes: RequestBytes,
        rates: Rates,
        max_fields: Callable[[], int],
        fruitless: Fruitless | None = None,
    ) -> None:
        """`max_fields`: the most that a request has which is right, of what is served now; `fruitless`: what
        is known of callers by other calls.
        """
        self._access, self._places, self._request_bytes = access, places, request_bytes
        self._rates, self._max_fields = rates, max_fields
        self._fruitless = fruitless or Fruitless()
        self._lingering = 0

    def beside(self, places: Places, request_bytes: RequestBytes) -> "Calls":
        """Other calls of the same callers, with places and bytes of their own."""
        return Calls(self._access, places, request_bytes, self._rates, self._max_fields, self._fruitless)

    async def served(
        self, serve: Callable[[Call], Awaitable[R]], context: Context, needs: Role | None = Role.DEVICE
    ) -> R:
        """Serve a call over gRPC; whatever goes wrong, the caller gets a status."""
        async with telling(context):
            return await self.within(serve, context, needs)

    async def within(
        self, serve: Callable[[Call], Awaitable[R]], context: CallContext, needs: Role | None = Role.DEVICE
    ) -> R:
        """Serve a call to who has the role that it needs, in the bounds that all calls have. Raises what
        serving it raises, and counts and logs that.
        """
        held = Held(caller_of(context.peer()))
        call = Call(
            context, self._places, self._request_bytes, held, self._fruitless, self._rates, self._max_fields()
        )
        try:
            async with self._access.granted(context, needs) as held.caller, self._places.taken(held.caller):
                with self._request_bytes.accounting(held):
                    return await self._noted(serve(call), held.caller)
        except grpc.aio.AbortError:
            raise  # of a library's servicer: its status is sent already
        except Exception as error:
            call.refused(error)
            if isinstance(first_of(error), CallIdle):
                self._fruitless.count(held.caller)
            if isinstance(first_of(error), _TOLD_LATE):
                await self._linger(held.caller)
            raise

    async def _noted(self, serving: Awaitable[R], caller: Caller) -> R:
        """Count a call that is cancelled, for its caller's next ones."""
        try:
            return await serving
        except asyncio.CancelledError:
            self._fruitless.count(caller)
            raise

    async def _linger(self, caller: Caller) -> None:
        """Before a call is told that it was ended in idleness, or that its caller may not call."""
        if self._lingering < _MAX_LINGERING:
            self._lingering += 1
            try:
                await asyncio.sleep(self._fruitless.seconds(caller))
            finally:
                self._lingering -= 1


@asynccontextmanager
async def telling(context: Context) -> AsyncIterator[None]:
    """Around a call over gRPC: what is raised within is told to the caller as a status."""
    try:
        yield
    except grpc.aio.AbortError:
        raise  # it is told already
    except Exception as error:
        try:
            await context.abort(*status_of(error), trailing_metadata=_trailing(error))
        except grpc.aio.InternalError:  # the call is over already: it hung up, or its deadline passed
            raise asyncio.CancelledError from None
        raise


def _trailing(error: Exception) -> tuple[tuple[str, str], ...]:
    reason = reason_of(error)
    return ((REASON, reason),) if reason else ()
