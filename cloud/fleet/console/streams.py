"""Pages kept as things are: parts that have changed, as server-sent events."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cloud.fleet.console.gate import Gate
from cloud.fleet.console.pages.fleet import STREAM
from cloud.fleet.console.replies import HEADERS
from cloud.fleet.console.views import Parts, Views
from cloud.identity.identity import Role
from protos.errors import IsthmusError, NotPermitted, Unauthenticated
from protos.http.refusals import BUSY, Refused
from protos.pages.live import ALIVE, PartsTold

_EVERY_SECONDS = 2.0
_ALIVE_ROUNDS = 8  # without news, then a sign of life
_MAX_VIEWERS = 64

Drawn = Callable[[Role], Awaitable[Parts]]


class Streams:
    """Belongs to the event loop."""

    def __init__(self, gate: Gate, views: Views, leaving: anyio.Event) -> None:
        self._gate, self._views, self._leaving = gate, views, leaving
        self._viewers = 0

    def routes(self) -> list[Route]:
        return [
            Route(STREAM, self._fleet),
            Route("/live/devices/{device}", self._device),
            Route("/live/rollouts/{rollout}", self._rollout),
        ]

    async def _fleet(self, request: Request) -> Response:
        async def drawn(_: Role) -> Parts:
            return (await self._views.fleet())[1]

        return await self._stream(request, drawn)

    async def _device(self, request: Request) -> Response:
        name = request.path_params["device"]
        return await self._stream(request, lambda _: self._views.device(name))

    async def _rollout(self, request: Request) -> Response:
        name = request.path_params["rollout"]
        return await self._stream(request, lambda role: self._views.rollout(name, role))

    async def _stream(self, request: Request, drawn: Drawn) -> Response:
        """Raises Refused where there are too many; what the page itself raises."""
        role = (await self._gate.admit(request)).role
        if self._viewers >= _MAX_VIEWERS:
            raise Refused(BUSY, f"{self._viewers} pages are live already; close one", retry_seconds=5)
        await drawn(role)
        return StreamingResponse(
            self._events(request, drawn), media_type="text/event-stream", headers=HEADERS
        )

    async def _events(self, request: Request, drawn: Drawn) -> AsyncIterator[str]:
        """Until the viewer leaves, or may not look any more."""
        told, quiet = PartsTold(), 0
        self._viewers += 1
        try:
            while not self._leaving.is_set():
                try:
                    operator = await self._gate.admit(request)
                    news = list(told.news(await drawn(operator.role)))
                except (Unauthenticated, NotPermitted):
                    return
                except IsthmusError:  # the database is away: the page stands as it is until it is back
                    news = []
                for event in news:
                    yield event
                quiet = 0 if news else quiet + 1
                if quiet and quiet % _ALIVE_ROUNDS == 0:
                    yield ALIVE
                with anyio.move_on_after(_EVERY_SECONDS):
                    await self._leaving.wait()
        finally:
            self._viewers -= 1
