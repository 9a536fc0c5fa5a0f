"""Bodies of requests, read within bounds: never more than is accepted, of one nor of all together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.requests import Request

from protos.http.refusals import BUSY, TOO_LARGE, TOO_SLOW, Refused

_AT_ONCE = 4  # bodies of the largest size that are held together


class Bodies:
    """Reads bodies of at most `max_bytes` each, each within `seconds`; four times that of all together."""

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self._max_bytes, self._seconds = max_bytes, seconds
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytearray]:
        """The body; within, its bytes count as held. Raises Refused, ClientDisconnect."""
        self._check_claim(request.headers.get("content-length", "0"))
        body = bytearray()
        try:
            await self._fill(body, request)
            yield body
        finally:
            self._held -= len(body)

    async def _fill(self, body: bytearray, request: Request) -> None:
        try:
            with anyio.fail_after(self._seconds):
                async for chunk in request.stream():
                    self._hold(len(body), len(chunk))
                    body += chunk
        except TimeoutError:
            words = f"the request took longer than {self._seconds:.0f} s to come in; send it faster, or less"
            raise Refused(TOO_SLOW, words) from None

    def _hold(self, before: int, more: int) -> None:
        self._check_size(before + more)
        if self._held + more > _AT_ONCE * self._max_bytes:
            raise Refused(BUSY, "too many large requests at once; send it again", retry_seconds=1)
        self._held += more

    def _check_claim(self, length: str) -> None:
        if length.isdigit():
            self._check_size(int(length[:20]))

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            words = (
                f"the request has more than {self._max_bytes} bytes; make the picture smaller, or raise "
                "http.max-body"
            )
            raise Refused(TOO_LARGE, words)
