"""Where applications on this device, and people beside it, reach the agent."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from edge.agent.settings.quantities import Bytes, Milliseconds, Section
from protos.connection.address import is_loopback, split_address
from protos.errors import RequestError

OPTION, LISTEN = "http.listen", "127.0.0.1:8080"
Streaming = Literal["live", "whole"]


class HttpSettings(Section, frozen=True):
    """`[http]`. Without it nothing listens."""

    listen: str = LISTEN
    token_file: Path | None = None  # its first line is asked of everybody; read anew when it changes
    hosts: Annotated[tuple[str, ...], Meta(max_length=64)] = ()  # other names that this device is called by
    allowed_folders: Annotated[tuple[Path, ...], Meta(max_length=64)] = ()  # that file:// may name
    allow_http: Annotated[tuple[str, ...], Meta(max_length=256)] = ()  # hosts that pictures are fetched from
    fetch_time: Milliseconds = Milliseconds(10_000)  # for a picture, at most
    stream: Streaming = "live"  # tell words as they come, or once the answer is whole
    max_body: Bytes = Bytes(32 << 20)  # of a request; a picture in it takes a third more than its file
    body_time: Milliseconds = Milliseconds(30_000)  # for a request to come in, at most
    max_connections: Annotated[int, Meta(ge=4, le=10_000)] = 128
    max_waiting: Annotated[int, Meta(ge=1, le=1000)] = 16  # requests that wait for their answer
    frames: Annotated[int, Meta(ge=0, le=200)] = 24  # that the live page shows

    def check(self) -> None:
        """Raises RequestError for an address that is none, or that strangers reach without a token."""
        host, _ = self.address
        if not is_loopback(host) and self.token_file is None:
            raise RequestError(
                f"http.listen: {self.listen!r} is reached from other machines; give http.token-file, or "
                f"listen on {LISTEN}"
            )
        for name in self.allow_http:
            if "/" in name or "*" in name:
                raise RequestError(f"http.allow-http: {name!r} is no host; write it as cameras.example")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. Raises RequestError."""
        return split_address(self.listen, OPTION)
