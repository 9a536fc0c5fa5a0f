"""A request over HTTP as the service's calls are, so that whatever bounds those bounds it too."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread
import grpc
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request

from cloud.identity.authentication import PEM
from protos.http.refusals import TOO_LARGE, Refused
from protos.http.server import CERTIFICATE

_LINGERING_SECONDS = 5.0  # for the rest of a request that is refused

Read = Callable[[bytes], Message]
Write = Callable[[Any], Awaitable[None]]


async def _nothing(_: Any) -> None:
    """Of a call that writes no message."""


def _no_message(_: bytes) -> Message:
    """Of a call that reads none."""
    raise NotImplementedError


class HttpContext:
    """A CallContext that has one message: what `read` makes of the body; what it is given goes to `write`."""

    def __init__(
        self, request: Request, max_bytes: int = 0, read: Read = _no_message, write: Write = _nothing
    ) -> None:
        self._request, self._max_bytes = request, max_bytes
        self._message_of, self.write = read, write
        self.is_read = anyio.Event()

    def peer(self) -> str:
        host, port = self._request.client or ("", 0)
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"

    def invocation_metadata(self) -> Iterable[tuple[str, str]]:
        return self._request.headers.items()

    def auth_context(self) -> Mapping[str, Sequence[bytes]]:
        shown = self._request.scope.get("state", {}).get(CERTIFICATE)
        return {PEM: [shown]} if shown else {}

    def time_remaining(self) -> None:
        """HTTP's callers do not say how long they wait."""

    async def read(self) -> Any:
        """The message, once. Raises Refused, and what `read` raises; ClientDisconnect."""
        if self.is_read.is_set():
            return grpc.aio.EOF
        body = await self._body()
        self.is_read.set()
        return await anyio.to_thread.run_sync(self._serialized, body)

    def _serialized(self, body: bytes) -> bytes:
        return self._message_of(body).SerializeToString()

    async def _body(self) -> bytes:
        claimed, body = self._request.headers.get("content-length", "0"), bytearray()
        self._check(int(claimed[:20]) if claimed.isdigit() else 0)
        async for chunk in self._request.stream():
            self._check(len(body) + len(chunk))
            body += chunk
        return bytes(body)

    async def discard(self) -> None:
        """Read what is left of a request that is refused, for a while: who is hung up on while they write may
        never read why.
        """
        if self.is_read.is_set():
            return
        with anyio.move_on_after(_LINGERING_SECONDS), suppress(ClientDisconnect):
            async for _ in self._request.stream():
                pass

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise Refused(
                TOO_LARGE,
                f"the request has more than {self._max_bytes} bytes, and none that is right has so many: "
                "make the picture smaller",
            )
