"""A caller that keeps no manners: HTTP/2 by hand, for what no gRPC client does."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_INITIAL_WINDOW_SIZE = 4  # the number of the setting
_MAX_FRAME_SIZE = 16_384
SERVICES = {  # of other methods than our own
    "Check": "grpc.health.v1.Health",
    "Watch": "grpc.health.v1.Health",
    "ServerReflectionInfo": "grpc.reflection.v1alpha.ServerReflection",
}
WINDOW = 65_535  # of a stream and of a connection, at first


@dataclass
class Connection:
    """One connection; streams have the odd numbers."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    streams: int = 0

    def call(self, method: str, message: bytes, size: int | None = None) -> None:
        """Begin a call and send a message, of which more is promised where `size` is larger."""
        stream = self.begin(method)
        self.message(stream, message, size)
        if size is None:
            self.send(DATA, END_STREAM, stream, b"")

    def begin(self, method: str) -> int:
        """Begin a call, and say nothing; the number of its stream. A method whose name several services
        have is named in full.
        """
        self.streams += 1
        stream = 2 * self.streams - 1
        full = method if "/" in method else f"{SERVICES.get(method, 'isthmus.v1.Inference')}/{method}"
        self.send(HEADERS, END_HEADERS, stream, _headers(f"/{full}"))
        return stream

    def message(self, stream: int, message: bytes, size: int | None = None) -> None:
        """Send one on a call that was begun, of which more is promised where `size` is larger."""
        data = struct.pack(">BI", 0, len(message) if size is None else size) + message
        for start in range(0, len(data), _MAX_FRAME_SIZE):
            self.send(DATA, 0, stream, data[start : start + _MAX_FRAME_SIZE])

    async def ended(self) -> None:
        """Wait until the service ends a call."""
        while True:
            kind, flags, stream, _ = await self.frame()
            if stream and (kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM)):
                return

    async def frame(self) -> tuple[int, int, int, bytes]:
        """The next that comes: kind, flags, stream and body. What must be acknowledged, is."""
        head = await self.reader.readexactly(9)
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
        body = await self.reader.readexactly(int.from_bytes(head[:3]))
        if kind in {SETTINGS, PING} and not flags & ACK:
            self.send(kind, ACK, 0, body if kind == PING else b"")
        return kind, flags, stream, body

    def send(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        """Send a frame."""
        self.writer.write(len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body)


@dataclass
class Flood:
    """Many messages at once over one connection, as fast as the service lets them come, and none of them
    whole.
    """

    connection: Connection
    size: int  # of a message
    window: int = WINDOW  # of the connection
    first: int = WINDOW  # of a stream
    windows: dict[int, int] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)  # of the streams that are open
    peak: int = 0  # the most that the service held at once
    ended: int = 0

    def call(self, method: str) -> None:
        """Begin one more."""
        self.connection.call(method, b"", size=self.size)
        stream = 2 * self.connection.streams - 1
        self.sent[stream], self.windows[stream] = 5, self.first - 5
        self.window -= 5

    async def pour(self, quiet: float) -> None:
        """Send until the service has wanted nothing for so many seconds."""
        self._send()
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(quiet):
                    kind, flags, stream, body = await self.connection.frame()
                self._heed(kind, flags, stream, body)
                self._send()

    def _heed(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for start in range(0, len(body), 6):
                name, value = struct.unpack_from(">HI", body, start)
                if name == _INITIAL_WINDOW_SIZE:
                    self.windows = {each: left + value - self.first for each, left in self.windows.items()}
                    self.first = value
        elif kind == WINDOW_UPDATE and not stream:
            self.window += int.from_bytes(body)
        elif kind == WINDOW_UPDATE and stream in self.windows:
            self.windows[stream] += int.from_bytes(body)
        elif stream in self.sent and (kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM)):
            del self.sent[stream], self.windows[stream]
            self.ended += 1

    def _send(self) -> None:
        for stream in self.sent:
            room = min(self.windows[stream], self.window, self.size + 4 - self.sent[stream])
            while room > 0:
                part = min(room, _MAX_FRAME_SIZE)
                self.connection.send(DATA, 0, stream, bytes(part))
                self.sent[stream] += part
                self.windows[stream] -= part
                self.window -= part
                room -= part
        self.peak = max(self.peak, sum(self.sent.values()))


@asynccontextmanager
async def connected(address: str, window: int = WINDOW) -> AsyncIterator[Connection]:
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
        with contextlib.suppress(ConnectionError):
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
