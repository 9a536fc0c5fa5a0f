"""What many callers send at once fits into memory, and holds nobody up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import grpc
import pytest
from google.protobuf.message import Message

from bench.attack.inputs import http2
from cloud.api.call import Call
from cloud.api.places import Places
from cloud.api.request_bytes import Held, RequestBytes
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.errors import CloudBusy
from protos.inference_pb2_grpc import InferenceStub
from tests.cloud.api.test_places import alive
from tests.cloud.api.test_watching import Camera, opening
from tests.cloud.calling import Caller, Pixels, calling, connected, picture_request
from tests.cloud.sharing.callers import named

QUESTION = "describe the image"
REFLECT = "ServerReflectionInfo"
NO_BYTES = {"max_arriving_bytes": 0, "max_stream_bytes": 0}  # as few as may be
WATCH = "isthmus.v1.Inference/Watch"  # health has one too


async def largest(caller: Caller) -> int:
    return int((await caller.stub.Describe(ip.DescribeRequest())).max_request_bytes)


@pytest.mark.parametrize(
    "method", ["Infer", "Converse", "Embed", "Describe", "Check", "Watch", REFLECT, WATCH]
)
async def test_half_sent_messages_fit_in_the_budget(method: str, tail: Tail, scenes: list[Pixels]) -> None:
    connections, each = 3, 10
    async with calling(tail, **NO_BYTES) as caller, AsyncExitStack() as stack:
        size = await largest(caller)
        floods = []
        for _ in range(connections):
            connection = await stack.enter_async_context(http2.connected(caller.service.address))
            floods.append(http2.Flood(connection, size))
        for flood in floods:
            for _ in range(each):
                flood.call(method)
        await asyncio.gather(*(flood.pour(quiet=1.0) for flood in floods))
        for flood in floods:  # two of the largest are a connection's share, and one more may just be ended
            assert each * http2.WINDOW / 2 < flood.peak <= 3 * size + each * http2.WINDOW
        assert await alive(caller)
        assert (await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))).text


async def test_what_is_not_read_is_not_held(
    tail: Tail, monkeypatch: pytest.MonkeyPatch, scenes: list[Pixels]
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Call, "next_request", never)
    async with calling(tail) as caller, http2.connected(caller.service.address) as connection:
        flood = http2.Flood(connection, 4 << 20)
        for _ in range(20):
            flood.call("Infer")
        await flood.pour(quiet=1.0)
        assert 20 * 16_384 < flood.peak <= 20 * http2.WINDOW


async def test_a_request_counts_until_it_is_a_job(
    endless: Tail, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that run leave the whole budget to others."""
    budgets: list[RequestBytes] = []
    made = RequestBytes.__init__

    def noted(self: RequestBytes, *arguments: int) -> None:
        made(self, *arguments)  # type: ignore[arg-type]
        budgets.append(self)

    monkeypatch.setattr(RequestBytes, "__init__", noted)
    async with calling(endless) as caller:
        inference, *_ = budgets
        whole = inference._free
        call = caller.stub.Infer(picture_request(endless.bundle, scenes[0], QUESTION))
        assert (await call.read()).text
        assert inference._free == whole
        stream = caller.stub.Converse(_asking(endless, scenes))
        while not (await stream.read()).HasField("failure"):
            pass
        stream.cancel()
        call.cancel()
        await caller.until_idle()
        while inference._free < whole:  # noqa: ASYNC110 - the call's end
            await asyncio.sleep(0.01)
        assert inference._free == whole


async def _asking(tail: Tail, scenes: list[Pixels]) -> AsyncIterator[ip.InferRequest]:
    """Two that are answered, one that is refused, and silence."""
    for scene in scenes[:2]:
        yield picture_request(tail.bundle, scene, QUESTION)
    yield ip.InferRequest(bundle=b"another")
    await asyncio.Event().wait()


@pytest.mark.parametrize("method", ["Converse", WATCH])
async def test_a_stream_is_read_no_further_than_there_is_room(
    method: str, endless: Tail, scenes: list[Pixels]
) -> None:
    begins: Sequence[Message] = [picture_request(endless.bundle, scenes[0], QUESTION)]
    if method == WATCH:
        begins = [opening(endless), Camera(endless).frame(scenes[0])]
    async with calling(endless, max_in_flight=1, **NO_BYTES) as caller:
        size = await largest(caller)
        async with http2.connected(caller.service.address, window=0) as connection:
            stream, left = connection.begin(method), http2.WINDOW
            for message in begins:
                connection.message(stream, message.SerializeToString())
                left -= message.ByteSize() + 5
            await caller.until_running()
            flood = http2.Flood(connection, size, first=left + 5)
            flood.sent[stream], flood.windows[stream] = 0, left
            await flood.pour(quiet=1.0)
            assert flood.peak <= 2 * http2.WINDOW


async def test_the_streams_of_400_cameras_wait_at_once_and_leave_room_for_calls(
    tail: Tail, scenes: list[Pixels]
) -> None:
    lost = ip.WatchRequest(sequence=1)  # against a frame that was never sent: a reply without the model
    async with calling(tail) as caller, AsyncExitStack() as stack:
        streams = []
        for _ in range(8):
            channel = await stack.enter_async_context(connected(caller.service.address))
            streams += [InferenceStub(channel).Watch(timeout=60) for _ in range(50)]
        for message in (opening(tail), lost):
            for stream in streams:
                await stream.write(message)
        replies = [await stream.read() for stream in streams]
        assert {reply.failure.code for reply in replies} == {grpc.StatusCode.NOT_FOUND.value[0]}
        assert (await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))).text
        assert not any(stream.done() for stream in streams)


async def test_a_read_that_only_waits_gives_way() -> None:
    places = Places(10, 10)
    budget = RequestBytes(0, 100, places)  # four of the largest, two of a connection
    ended: list[str] = []

    async def read(name: str) -> None:
        held = Held(named(name))
        try:
            with budget.accounting(held):
                async with places.taken(held.caller):
                    await budget.reserve(held)
                    async with places.waiting(held.caller, None, reads=True):
                        await asyncio.Event().wait()
        except CloudBusy:
            ended.append(name)

    async with asyncio.TaskGroup() as tasks:
        reads = []
        for name in ("a", "b", "b", "c"):
            reads.append(tasks.create_task(read(name)))
            await asyncio.sleep(0)
        with budget.accounting(new := Held(named("d"))):
            assert await budget.reserve(new) == 100
        assert ended == ["b"]
        for task in reads:
            task.cancel()


async def test_one_connection_holds_half() -> None:
    budget = RequestBytes(0, 100, Places(10, 10))
    with budget.accounting(greedy := Held(named("a"))), budget.accounting(other := Held(named("b"))):
        await budget.reserve(greedy)
        await budget.reserve(greedy)
        third = asyncio.ensure_future(budget.reserve(greedy))
        await asyncio.sleep(0)
        assert not third.done()
        other_read = asyncio.ensure_future(budget.reserve(other))
        budget.release(greedy, 90)
        await asyncio.sleep(0)
        assert not third.done()
        budget.release(greedy, 10)
        assert await third == 100
        assert await other_read == 100


async def test_nobody_waits_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.api.request_bytes._SECONDS", 0.01)
    budget = RequestBytes(0, 100, Places(10, 10))
    with budget.accounting(held := Held(named("a"))):
        await budget.reserve(held)
        await budget.reserve(held)
        with pytest.raises(CloudBusy, match="try again in a moment"):
            await budget.reserve(held)
