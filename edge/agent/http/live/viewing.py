"""The live page's addresses: the page, its script, its stream, frames, answers, and the way in."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import anyio
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from edge.agent.http.guard.bodies import Bodies
from edge.agent.http.guard.tokens import COOKIE, Token
from edge.agent.http.live.feed import Feed
from edge.agent.http.live.pages import answer_page, live_page, login_page
from edge.agent.http.live.parts import parts
from protos.http.refusals import BUSY, NOT_FOUND, Refused
from protos.pages.document import policy
from protos.pages.live import ALIVE, SCRIPT_TEXT, PartsTold

_HEADERS = {
    "content-security-policy": f"{policy(served=True)}; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_EVERY_SECONDS, _ALIVE_SECONDS = 1.0, 15.0
_MAX_VIEWERS = 8
_COOKIE_SECONDS = 30 * 24 * 3600


class Viewers:
    """What a browser asks for."""

    def __init__(self, feed: Feed, token: Token, bodies: Bodies, name: str, frames: int) -> None:
        self._feed, self._token, self._bodies = feed, token, bodies
        self._name, self._frames, self._viewers = name, frames, 0

    async def page(self, _: Request) -> Response:
        return _html(live_page(self._name, parts(self._feed, frames=self._frames)))

    async def script(self, _: Request) -> Response:
        return Response(SCRIPT_TEXT, media_type="text/javascript", headers=_HEADERS)

    async def icon(self, _: Request) -> Response:
        """There is none, which browsers that ask are told."""
        return Response(status_code=204)

    async def stream(self, _: Request) -> Response:
        """Parts that have changed, as events, at most once a second. Raises Refused."""
        if self._viewers >= _MAX_VIEWERS:
            raise Refused(BUSY, f"{self._viewers} pages are live already; close one", retry_seconds=5)
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=_HEADERS)

    async def frame(self, request: Request) -> Response:
        """The picture of an answer. Raises Refused where it is kept no longer."""
        data = self._feed.picture(request.path_params["number"])
        if data is None:
            raise Refused(NOT_FOUND, "this frame is kept no longer")
        kept = {"cache-control": "private, max-age=3600, immutable", "x-content-type-options": "nosniff"}
        return Response(data, media_type="image/jpeg", headers=kept)

    async def answer(self, request: Request) -> Response:
        """The decision behind an answer. Raises Refused where it is kept no longer."""
        number = request.path_params["number"]
        entry = self._feed.entry(number)
        if entry is None:
            raise Refused(NOT_FOUND, "this answer is kept no longer; go back to the live page")
        return _html(answer_page(entry, pictured=self._feed.picture(number) is not None))

    async def ask_token(self, _: Request) -> Response:
        return _html(login_page(wrong=False)) if self._token.asked else RedirectResponse("/", 303)

    async def take_token(self, request: Request) -> Response:
        """The form, sent: a cookie for who knows the token."""
        async with self._bodies.read(request) as body:
            given = parse_qs(bytes(body[:4096]).decode("utf-8", "replace")).get("token", [""])[0]
        if not self._token.admits(given):
            return _html(login_page(wrong=True), 401)
        reply = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        cookie = self._token.cookie()
        reply.set_cookie(
            COOKIE, cookie, max_age=_COOKIE_SECONDS, httponly=True, samesite="strict", secure=secure
        )
        return reply

    async def _events(self) -> AsyncIterator[str]:
        told = PartsTold()
        self._viewers += 1
        try:
            while not self._feed.closed.is_set():
                version = self._feed.version
                for event in told.news(parts(self._feed, frames=self._frames)):
                    yield event
                with anyio.move_on_after(_EVERY_SECONDS):
                    await self._feed.closed.wait()
                with anyio.move_on_after(_ALIVE_SECONDS):
                    await self._feed.changed(since=version)
                yield ALIVE
        finally:
            self._viewers -= 1


def _html(page: str, status: int = 200) -> Response:
    return HTMLResponse(page, status, _HEADERS)
