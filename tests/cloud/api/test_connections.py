"""Connections without calls cost little, and no more of them are let in than there is room for."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bench.attack.inputs import http2
from cloud.api import grpc_server
from cloud.api.grpc_server import max_connections
from cloud.config import ServeConfig
from cloud.models.tail import Tail
from tests.cloud.api.test_places import alive
from tests.cloud.calling import calling


async def is_open(connection: http2.Connection) -> bool:
    """Whether the service greets a connection, or hangs up."""
    try:
        await asyncio.wait_for(connection.frame(), 30)
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


async def test_of_many_connections_so_many_are_let_in_and_the_others_are_hung_up_on(tail: Tail) -> None:
    async with calling(tail, max_connections=50) as caller, AsyncExitStack() as stack:
        assert await alive(caller)  # one of them
        connect = http2.connected
        many = [await stack.enter_async_context(connect(caller.service.address)) for _ in range(300)]
        assert sum(await asyncio.gather(*(is_open(one) for one in many))) == 49
        assert await alive(caller)


async def test_room_is_made_by_those_who_leave(tail: Tail) -> None:
    async with calling(tail, max_connections=2) as caller, asyncio.timeout(60):
        assert await alive(caller)
        async with http2.connected(caller.service.address) as connection:
            assert await is_open(connection)
        while True:
            async with http2.connected(caller.service.address) as connection:
                if await is_open(connection):
                    break


async def test_a_connection_that_says_nothing_is_closed(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_server, "_HANDSHAKE_MS", 100)
    async with calling(tail) as caller:
        host, port = caller.service.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        greeting = await asyncio.wait_for(reader.read(), 30)  # up to the end
        writer.close()
        await writer.wait_closed()
    assert b"handshake timeout" in greeting or b"settings_timeout" in greeting


def test_no_more_connections_than_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 4096))
    assert max_connections(ServeConfig((Path(),))) == 1024 - 256
    assert max_connections(ServeConfig((Path(),), max_connections=10)) == 10
