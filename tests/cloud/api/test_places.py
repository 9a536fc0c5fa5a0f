"""Callers that hold what they do not use shut out nobody."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.attack.inputs import http2
from cloud.api import call as open_call
from cloud.api.places import Places
from cloud.config import ServeConfig
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.errors import CloudBusy, DeadlineError
from tests.cloud.calling import Caller, Pixels, calling, picture_request
from tests.cloud.sharing.callers import named

QUESTION = "describe the image"


@pytest.fixture
def four_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServeConfig, "max_calls", 4)  # two of a connection


async def alive(caller: Caller) -> bool:
    reply = await health_pb2_grpc.HealthStub(caller.channel).Check(
        health_pb2.HealthCheckRequest(), timeout=10
    )
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.usefixtures("four_places")
@pytest.mark.parametrize("method", ["Infer", "Converse", "Embed", "Describe"])
async def test_half_sent_messages_shut_out_nobody(method: str, tail: Tail, scenes: list[Pixels]) -> None:
    request = picture_request(tail.bundle, scenes[0], QUESTION)
    async with calling(tail) as caller, AsyncExitStack() as stack:
        address = caller.service.address
        rude = [await stack.enter_async_context(http2.connected(address)) for _ in range(3)]
        for connection in rude:
            connection.call(method, b"half", size=1000)
            connection.call(method, b"half", size=1000)
        await first_done(*(connection.ended() for connection in rude))  # all places are taken, then
        assert await alive(caller)
        assert (await caller.ask(request)).text


@pytest.mark.usefixtures("four_places")
async def test_who_reads_no_answer_shuts_out_nobody(endless: Tail, tail: Tail, scenes: list[Pixels]) -> None:
    few = ip.Generation(max_tokens=2)
    unread = picture_request(endless.bundle, scenes[0], QUESTION, generation=few).SerializeToString()
    async with calling(tail, endless) as caller, AsyncExitStack() as stack:
        address = caller.service.address
        for _ in range(2):
            connection = await stack.enter_async_context(http2.connected(address, window=0))
            connection.call("Infer", unread)
            connection.call("Infer", unread)
        await caller.until_running()
        await caller.until_idle()
        assert (await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))).text


async def test_who_hangs_up_and_has_read_nothing_leaves_no_traceback(
    tail: Tail, scenes: list[Pixels], caplog: pytest.LogCaptureFixture
) -> None:
    unread = picture_request(tail.bundle, scenes[0], QUESTION).SerializeToString()
    async with calling(tail) as caller:
        async with http2.connected(caller.service.address, window=0) as connection:
            for _ in range(16):
                connection.call("Infer", unread)
            await caller.until_running()
            await caller.until_idle()
        assert await caller.service.drain(30)
    assert "Traceback" not in caplog.text


async def test_a_request_that_does_not_become_whole_is_given_up(
    tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_call, "_CALLER_SECONDS", 0.1)
    async with calling(tail) as caller, http2.connected(caller.service.address) as connection:
        connection.call("Infer", b"half", size=1000)
        await asyncio.wait_for(connection.ended(), 30)


@pytest.mark.usefixtures("four_places")
async def test_one_connection_cannot_take_all_places(tail: Tail) -> None:
    async with calling(tail) as caller:
        calls = [caller.stub.Converse(timeout=60) for _ in range(3)]
        ended = asyncio.as_completed([refusal(call) for call in calls])
        status, words = await next(ended)
        assert status == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "this caller" in words
        assert await alive(caller)
        for call in calls:
            call.cancel()
        for others in ended:
            await others


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    return await call.code(), await call.details()


async def first_done(*waits: Coroutine[Any, Any, None]) -> None:
    """Wait for one, at most half a minute."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    done, others = await asyncio.wait(tasks, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    assert done


async def test_a_call_at_work_keeps_its_place() -> None:
    places = Places(total=2, of_one=2)
    async with places.taken(named("a")), places.taken(named("b")):
        with pytest.raises(CloudBusy, match="2 calls are open"):
            await places.taken(named("c")).__aenter__()


async def test_where_all_are_at_work_who_has_most_gives_the_youngest_up() -> None:
    places, ended = Places(total=4, of_one=4), []

    async def work(name: str, number: int) -> None:
        try:
            async with places.taken(named(name)):
                await asyncio.Event().wait()
        except CloudBusy:
            ended.append((name, number))

    async with asyncio.TaskGroup() as tasks:
        working = []
        for number, name in enumerate(("greedy", "greedy", "greedy", "honest")):
            working.append(tasks.create_task(work(name, number)))
            await asyncio.sleep(0)
        async with places.taken(named("new")):
            await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            with pytest.raises(CloudBusy, match="4 calls are open"):  # else they would push each other out
                await places.taken(named("new")).__aenter__()
        for task in working:
            task.cancel()
    assert ended == [("greedy", 2)]


async def test_nobody_who_has_more_gets_an_idle_place_of_who_has_less() -> None:
    places = Places(total=3, of_one=3)
    honest, greedy = named("honest"), named("greedy")
    async with places.taken(honest), places.waiting(honest, None), places.taken(greedy), places.taken(greedy):
        with pytest.raises(CloudBusy, match="3 calls are open"):
            await places.taken(greedy).__aenter__()


async def test_the_connection_with_the_most_calls_gives_one_up() -> None:
    places, ended = Places(total=3, of_one=2), []

    async def wait(name: str) -> None:
        async with places.taken(named(name)):
            try:
                async with places.waiting(named(name), None):
                    await asyncio.Event().wait()
            except CloudBusy:
                ended.append(name)

    async with asyncio.TaskGroup() as tasks:
        waiting = []
        for name in ("honest", "greedy", "greedy"):
            waiting.append(tasks.create_task(wait(name)))
            await asyncio.sleep(0)
        async with places.taken(named("new")):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
    assert ended == ["greedy"]


async def test_a_caller_is_waited_for_so_long() -> None:
    with pytest.raises(DeadlineError):
        async with Places(1, 1).waiting(named("a"), 0.01):
            await asyncio.Event().wait()
