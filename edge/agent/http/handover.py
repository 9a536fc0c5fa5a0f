"""One application after another behind one server: what comes between two of them waits for the next."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protos.http.refusals import UNAVAILABLE, Refused, response_of

_END_SECONDS = 2.0  # for answers that are under way when an application ends
_RETRY_SECONDS = 1.0


class Handover:
    """As ASGI: the application that is served now."""

    def __init__(self) -> None:
        self._served: _Served | None = None
        self._changed, self._closed = anyio.Event(), False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while not self._closed and self._served is None:
            await self._changed.wait()
        if self._closed or self._served is None:
            await _refuse(scope, receive, send)
        else:
            await self._served.answer(scope, receive, send)

    @asynccontextmanager
    async def serving(self, app: ASGIApp, leave: Callable[[], None]) -> AsyncIterator[None]:
        """It answers what comes, inside; in the end what is under way has two seconds. `leave` is called
        when it gets no more: replies that have no end are to end then.
        """
        served = _Served(app, leave)
        self._set(served)
        try:
            yield
        finally:
            self._set(None)
            with anyio.CancelScope(shield=True):
                await served.end(_END_SECONDS)

    async def drain(self) -> None:
        """The application gets no more requests; returns once it has answered those that it has."""
        served = self._served
        self._set(None)
        if served:
            await served.drained()

    def close(self) -> None:
        """Refuse whatever comes, and what waits for the next application."""
        self._closed = True
        self._wake()

    def _set(self, served: "_Served | None") -> None:
        self._served = served
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class _Served:
    """An application and the requests that it has."""

    def __init__(self, app: ASGIApp, leave: Callable[[], None]) -> None:
        self._app, self._leave = app, leave
        self._requests, self._none = set[anyio.CancelScope](), anyio.Event()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        with anyio.CancelScope() as request:
            self._requests.add(request)
            try:
                await self._app(scope, receive, sending)
            finally:
                self._requests.discard(request)
                if not self._requests:
                    self._none.set()
                    self._none = anyio.Event()
        if request.cancelled_caught and not begun:
            await _refuse(scope, receive, send)

    async def drained(self) -> None:
        self._leave()
        while self._requests:
            await self._none.wait()

    async def end(self, seconds: float) -> None:
        """Cut off what takes longer."""
        with anyio.move_on_after(seconds):
            await self.drained()
        for request in list(self._requests):
            request.cancel()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    words = "the agent ends, or takes other settings; ask again"
    await response_of(Refused(UNAVAILABLE, words, retry_seconds=_RETRY_SECONDS))(scope, receive, send)
