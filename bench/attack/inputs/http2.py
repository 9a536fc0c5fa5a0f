"""A caller that keeps no manners: HTTP/2 by hand, for what no gRPC client does."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_INITIAL_WINDOW_SIZE = 4  # the number of the setting
_MAX_FRAME_SIZE = 16_384


@dataclass
class Connection:
    """One connection; streams have the odd numbers."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    streams: int = 0

    def call(self, method: str, message: bytes, size: int | None = None) -> None:
        """Begin a call and send a message, of which more is promised where `size` is larger."""
        stream = self.begin(method)
        data = struct.pack(">BI", 0, len(message) if size is None else size) + message
        for start in range(0, len(data), _MAX_FRAME_SIZE):
            self.send(DATA, 0, stream, data[start : start + _MAX_FRAME_SIZE])
        if size is None:
            self.send(DATA, END_STREAM, stream, b"")

    def begin(self, method: str) -> int:
        """Begin a call, and say nothing; the number of its stream."""
        self.streams += 1
        stream = 2 * self.streams - 1
        self.send(HEADERS, END_HEADERS, stream, _headers(f"/isthmus.v1.Inference/{method}"))
        return stream

    async def ended(self) -> None:
        """Wait until the service ends a call."""
        while True:
            head = await self.reader.readexactly(9)
            kind, flags, number = head[3], head[4], int.from_bytes(head[5:])
            body = await self.reader.readexactly(int.from_bytes(head[:3]))
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0, b"")
            if kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, body)
            if number and (kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM)):
                return

    def send(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        """Send a frame."""
        self.writer.write(len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body)


@asynccontextmanager
async def connected(address: str, window: int = 65_535) -> AsyncIterator[Connection]:
    """A connection that lets the service send so many bytes a call."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    connection = Connection(reader, writer)
    writer.write(_PREFACE)
    connection.send(SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW_SIZE, window))
    try:
        yield connection
    finally:
        writer.close()
        await writer.wait_closed()


def _headers(path: str) -> bytes:
    """HPACK without tables: each name and value as it is."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "test",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    literals = [b"\0" + _text(name) + _text(value) for name, value in fields.items()]
    return b"".join(literals)


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()
