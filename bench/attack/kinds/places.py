"""Calls and connections held and not used."""

import asyncio
from abc import abstractmethod
from asyncio import IncompleteReadError
from contextlib import suppress
from typing import Any, ClassVar

import grpc

from bench.attack.attacker import SERVICE, Attacker, CallingAttacker, Got, side_by_side
from bench.attack.inputs import http2

_PAUSE = 0.5  # seconds from the end of what was held to the next try


class Holder(Attacker):
    """Holds calls of HTTP/2 connections of its own, and begins another where one is ended."""

    connections: ClassVar[int]
    calls: ClassVar[int]  # of each
    window: ClassVar[int] = 65_535  # bytes of an answer that it lets come

    @abstractmethod
    def begin(self, connection: http2.Connection) -> None:
        """Begin a call."""

    async def attack(self, got: Got) -> None:
        await side_by_side(self.connections, lambda: self._again_and_again(got))

    async def _again_and_again(self, got: Got) -> None:
        while True:
            with suppress(OSError, IncompleteReadError):
                await self._hold(got)
            got["connections ended"] += 1
            await asyncio.sleep(_PAUSE)

    async def _hold(self, got: Got) -> None:
        async with http2.connected(self.target.address, self.window) as connection:
            for _ in range(self.calls):
                self.begin(connection)
                got["calls begun"] += 1
            while True:
                await connection.ended()
                got["calls ended"] += 1
                await asyncio.sleep(_PAUSE)
                self.begin(connection)
                got["calls begun"] += 1


class IdleStreams(Holder):
    name = "idle-streams"
    words = "300 Converse streams of one connection that send nothing"
    connections, calls = 1, 300

    def begin(self, connection: http2.Connection) -> None:
        connection.begin("Converse")


class IdleStreamsOfMany(IdleStreams):
    name = "idle-streams-of-many"
    words = "300 Converse streams of as many connections that send nothing"
    connections, calls = 300, 1


class HalfMessages(Holder):
    name = "half-messages"
    words = "300 requests of one connection that never become whole"
    connections, calls = 1, 300

    def begin(self, connection: http2.Connection) -> None:
        connection.call("Infer", b"half", size=1000)


class HalfMessagesOfMany(HalfMessages):
    name = "half-messages-of-many"
    words = "300 requests of as many connections that never become whole"
    connections, calls = 300, 1


class SlowReaders(Holder):
    name = "slow-readers"
    words = "questions without a deadline, 30 of each of 10 connections, whose answers are never read"
    connections, calls, window = 10, 30, 0

    def begin(self, connection: http2.Connection) -> None:
        connection.call("Infer", self.target.altered())


class BareConnections(Attacker):
    name = "bare-connections"
    words = "1,000 TCP connections that say nothing"

    async def attack(self, got: Got) -> None:
        await side_by_side(1000, lambda: self._again_and_again(got))

    async def _again_and_again(self, got: Got) -> None:
        host, _, port = self.target.address.rpartition(":")
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection(host, int(port))
                got["connections begun"] += 1
                try:
                    await reader.read(-1)
                finally:
                    writer.close()
            got["connections ended"] += 1
            await asyncio.sleep(1)


class CancelStorm(CallingAttacker):
    name = "cancel-storm"
    words = "questions that are cancelled a moment after they were asked, 16 at once"
    at_once = 16
    pause = 0.005

    def message(self) -> bytes:
        return self.target.altered()

    async def call(self, channel: grpc.aio.Channel) -> str:
        start: Any = channel.unary_stream(f"/{SERVICE}/{self.method}")
        call = start(self.message())
        await asyncio.sleep(self.pause)
        call.cancel()
        return str((await call.code()).name)
