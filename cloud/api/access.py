"""Who may call, from a call's first byte to its last."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import grpc

from cloud.identity.authentication import Authentication
from cloud.identity.identity import Identity, Role
from cloud.sharing.caller import Caller, KnownCaller, caller_of
from protos.errors import RequestError

REVIEW_SECONDS = 5.0  # from one look at the open calls to the next
_SLICE_SECONDS = 0.0005  # of a look, until others have their turn

Context = grpc.aio.ServicerContext[Any, Any]  # bytes or EOF come, messages go


class CallContext(Protocol):
    """An open call, over gRPC or HTTP."""

    def peer(self) -> str:
        """Where the caller is, as gRPC writes it."""

    def invocation_metadata(self) -> Any:
        """Pairs of names, in small letters, and values; None: none."""

    def auth_context(self) -> Any:
        """What the connection's certificate says, by gRPC's names of it."""

    def time_remaining(self) -> float | None:
        """Seconds that the caller waits for an answer; None: it does not say."""

    async def read(self) -> Any:
        """The next message as bytes, or EOF."""

    def write(self, message: Any, /) -> Awaitable[None]:
        """Give the caller a message."""


class _OpenCall(NamedTuple):
    context: CallContext
    needs: Role


class Access:
    """Lets callers in, and ends their calls when they may call no more. Belongs to the event loop."""

    def __init__(self, authentication: Authentication | None) -> None:
        """Without authentication everybody may call, by their address and connection."""
        self._authentication = authentication
        self._open: dict[asyncio.Timeout, _OpenCall] = {}
        self._ended: dict[asyncio.Timeout, RequestError] = {}

    @property
    def identifies(self) -> bool:
        """Whether a caller must say who it is."""
        return self._authentication is not None

    @asynccontextmanager
    async def granted(self, context: CallContext, needs: Role | None) -> AsyncIterator[Caller]:
        """Around a call, before anything of it is read; whose it is. Raises Unauthenticated or NotPermitted,
        also when a token or certificate ends while the call is open. `needs`: None where anybody may call.
        """
        if self._authentication is None or needs is None:
            yield caller_of(context.peer())
            return
        call, ending = _OpenCall(context, needs), asyncio.timeout(None)
        identity = await self._identify(self._authentication, call)
        self._open[ending] = call
        try:
            async with ending:
                yield KnownCaller.of(identity.tenant, identity.device)
        except TimeoutError:
            if ending not in self._ended:
                raise
            raise self._ended[ending] from None
        finally:
            del self._open[ending]
            self._ended.pop(ending, None)

    async def run(self) -> None:
        """Keep what callers are known by fresh, and review open calls, until cancelled."""
        while self._authentication:
            await asyncio.sleep(REVIEW_SECONDS)
            await self._authentication.refresh()
            await self._review(self._authentication)

    async def _review(self, authentication: Authentication) -> None:
        """End the calls of who could not begin them now. Others have the event loop in between."""
        began = time.monotonic()
        for ending, call in list(self._open.items()):
            if ending in self._open:
                await self._check(authentication, call, ending)
            if time.monotonic() - began >= _SLICE_SECONDS:
                await asyncio.sleep(0)
                began = time.monotonic()

    async def _check(self, authentication: Authentication, call: _OpenCall, ending: asyncio.Timeout) -> None:
        try:
            await self._identify(authentication, call)
        except RequestError as error:
            if ending in self._open and ending not in self._ended:
                self._ended[ending] = error
                ending.reschedule(asyncio.get_running_loop().time())

    async def _identify(self, authentication: Authentication, call: _OpenCall) -> Identity:
        metadata = call.context.invocation_metadata() or ()
        return await authentication.identify(metadata, call.context.auth_context(), call.needs)
