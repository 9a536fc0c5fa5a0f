"""One caller's flood of valid work takes the service from nobody."""

import asyncio
from contextlib import AsyncExitStack

import grpc

from bench.attack.inputs import http2
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.inference_pb2_grpc import InferenceStub
from tests.cloud.calling import Caller, Pixels, calling, connected, picture_request

QUESTION = "describe the image"
Refused = asyncio.Task[tuple[grpc.StatusCode, str]]


async def neighbour(caller: Caller, stack: AsyncExitStack) -> Caller:
    """Another connection to the same service."""
    channel = await stack.enter_async_context(connected(caller.service.address))
    return Caller(caller.service, channel, InferenceStub(channel))


async def flooding(caller: Caller, request: ip.InferRequest) -> list[Refused]:
    """Two calls that run, and four that wait."""
    calls = [asyncio.create_task(caller.refusal(request, seconds=100)) for _ in range(2)]
    await caller.until_running(running=2)
    calls += [asyncio.create_task(caller.refusal(request, seconds=100)) for _ in range(4)]
    await caller.until_running(waiting=4)
    return calls


async def test_who_comes_is_answered_while_another_fills_the_batch_and_the_queue(
    endless: Tail, scenes: list[Pixels]
) -> None:
    long = picture_request(endless.bundle, scenes[0], QUESTION)
    short = picture_request(endless.bundle, scenes[0], QUESTION, generation=ip.Generation(max_tokens=3))
    async with (
        asyncio.timeout(120),
        calling(endless, max_batch=2, max_waiting=4) as flood,
        AsyncExitStack() as stack,
    ):
        honest = await neighbour(flood, stack)
        asked = await flooding(flood, long)
        assert (await honest.ask(short)).done.tokens == 3
        displaced, others = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result()[0] for task in displaced] == [grpc.StatusCode.RESOURCE_EXHAUSTED]
        assert "most of them yours" in displaced.pop().result()[1]
        assert len(others) == 5  # and they run on
        for task in others:
            task.cancel()
        await asyncio.wait(others)
        await flood.until_idle()


async def test_who_reads_no_answer_keeps_no_row(endless: Tail, scenes: list[Pixels]) -> None:
    long = picture_request(endless.bundle, scenes[0], QUESTION).SerializeToString()
    async with calling(endless) as caller, http2.connected(caller.service.address, window=0) as connection:
        connection.call("Infer", long)
        await caller.until_running()
        await caller.until_idle()


async def test_a_cancelled_call_leaves_nothing_behind(endless: Tail, scenes: list[Pixels]) -> None:
    long = picture_request(endless.bundle, scenes[0], QUESTION)
    async with calling(endless, max_batch=2, max_waiting=4) as caller:
        calls = await flooding(caller, long)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        await caller.until_idle()
        assert await caller.service.drain(30)


async def test_who_cancels_again_and_again_is_held_back_and_answered_in_the_end(
    endless: Tail, scenes: list[Pixels]
) -> None:
    short = picture_request(endless.bundle, scenes[0], QUESTION, generation=ip.Generation(max_tokens=3))
    async with asyncio.timeout(120), calling(endless) as hasty, AsyncExitStack() as stack:
        honest = await neighbour(hasty, stack)
        for _ in range(3):
            calls = [asyncio.create_task(hasty.refusal(short)) for _ in range(30)]
            await hasty.until_running()
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
        assert (await honest.ask(short)).done.tokens == 3
        assert (await hasty.ask(short)).done.tokens == 3
