"""How bytes pass through an emulated link: one direction of it, and one direction of one connection."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable

from bench.network.conditions import Conditions, Meter, Rate

CHUNK = 1448  # the payload of one TCP segment on an ordinary network: bytes move on packet by packet


class Direction:
    """One direction of a link, shared by all its connections. `taken` and `delivered` count bytes at its two
    ends.
    """

    def __init__(self, now: float, conditions: Conditions, rate: Rate) -> None:
        self._meter, self._conditions, self._rate = Meter(now, rate), conditions, rate
        self._changed = asyncio.Event()
        self.taken = self.delivered = 0

    def change(self, now: float, conditions: Conditions, rate: Rate) -> None:
        """Go on under other conditions, also for the bytes that are in flight."""
        self._meter.change(now, rate)
        self._conditions, self._rate = conditions, rate
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def capacity(self) -> float:
        """Bytes that can be in flight at once: those in the buffer and those on the line."""
        return self._conditions.buffer + self._rate.sent(self._conditions.round_trip / 2)

    async def admit(self, size: int) -> None:
        """Wait until so many bytes fit into the buffer."""
        await self._until(lambda: self._meter.room(size, self._conditions.buffer))

    def enter(self, size: int) -> float:
        """Note that bytes have been read; gives their place in the order."""
        self.taken += size
        return self._meter.enter(asyncio.get_running_loop().time(), size)

    async def arrive(self, position: float) -> None:
        """Wait until the bytes of a place have left and crossed the line."""
        await self._until(lambda: self._meter.when(position) + self._conditions.round_trip / 2)

    async def _until(self, due: Callable[[], float]) -> None:
        """Wait for a moment that moves when the conditions change."""
        clock = asyncio.get_running_loop().time
        while (wait := due() - clock()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(wait) else wait):
                    await self._changed.wait()


class Lane:
    """One direction of one connection: reads `source` as the link has room, writes `sink` as the bytes
    arrive. Once it is `forgotten`, nothing arrives any more, not even an end.
    """

    forgotten = False

    def __init__(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        self._direction, self._source, self._sink = direction, source, sink
        self._in_flight: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._delivered = asyncio.Event()
        self._bytes = 0

    def carries(self, direction: Direction) -> bool:
        """Whether it is of this direction."""
        return self._direction is direction

    async def run(self) -> None:
        """Carry bytes until the source ends, then end the sink. Raises OSError when either breaks."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(), name="link: read")
            tasks.create_task(self._write(), name="link: write")

    async def _read(self) -> None:
        data = b"?"
        while data:
            await self._direction.admit(CHUNK)
            await self._receiver_keeps_up()
            data = await asyncio.get_running_loop().sock_recv(self._source, CHUNK)
            self._bytes += len(data)
            self._in_flight.put_nowait((self._direction.enter(len(data)), data))

    async def _receiver_keeps_up(self) -> None:
        while self._bytes and self._bytes + CHUNK > self._direction.capacity:
            self._delivered.clear()
            await self._delivered.wait()

    async def _write(self) -> None:
        while True:
            position, data = await self._in_flight.get()
            await self._direction.arrive(position)
            if not data:
                break
            if self.forgotten:
                continue
            # first, so that whoever has the bytes also finds them counted
            self._direction.delivered += len(data)
            await asyncio.get_running_loop().sock_sendall(self._sink, data)
            self._bytes -= len(data)
            self._delivered.set()
        if not self.forgotten:
            with contextlib.suppress(OSError):  # the other end may have closed both ways already
                self._sink.shutdown(socket.SHUT_WR)
