"""The orchestrator on asyncio."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing, suppress

import grpc
import numpy as np
import pytest

from edge.link.client import CloudClient
from edge.models.local_model import LocalModel
from edge.pictures.resampling import Picture
from edge.requests.asynchronous import AsyncOrchestrator
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Context, falls_silent, refuses, says, serving
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import NoRoute, RequestError

PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)
QUESTION = "describe the image"
SPLIT = Rules(route="split@connector/int8-zstd")
OURS = ("cloud call", "local answer")


def device(bundle: Bundle, client: CloudClient | None = None) -> AsyncOrchestrator:
    return AsyncOrchestrator(Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle)))


def endless(*_: object, **__: object) -> Iterator[str]:
    while True:
        yield "mine "


async def test_an_answer_and_its_stream_are_the_orchestrators(bundle: Bundle) -> None:
    alone = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle)).answer(PICTURE, QUESTION).text
    asked = device(bundle)
    view = await asked.view(PICTURE)
    first = bundle.manifest.pieces[0].cut
    assert await asked.features(view, first) is view.features(first)
    stream = asked.stream(view, QUESTION)
    with pytest.raises(RequestError, match="not complete"):
        assert stream.answer
    pieces = [text async for text in stream]
    assert "".join(pieces) == stream.answer.text == alone
    assert len(pieces) > 1
    answers = await asyncio.gather(*(asked.answer(PICTURE, QUESTION) for _ in range(5)))
    assert {answer.text for answer in answers} == {alone}


async def test_a_restart_is_told_in_its_place(bundle: Bundle) -> None:
    told: list[str] = []
    script = refuses(grpc.StatusCode.UNAVAILABLE, "killed", "half ", "an ")
    with serving(script) as cloud, CloudClient(cloud.address) as client:
        stream = device(bundle, client).stream(PICTURE, QUESTION, rules=SPLIT, on_restart=told.append)
        async for text in stream:
            told += [text]
    assert told[:2] == ["half ", "an "]
    assert "killed" in told[2]
    assert stream.answer.text == "".join(told[3:])


async def test_an_error_is_raised_as_it_is(bundle: Bundle) -> None:
    asked, never = device(bundle), Rules(allow_local=False)
    with pytest.raises(NoRoute):
        await asked.answer(PICTURE, QUESTION, rules=never)
    with pytest.raises(NoRoute):
        [text async for text in asked.stream(PICTURE, QUESTION, rules=never)]


async def test_a_task_that_is_cancelled_ends_its_call(bundle: Bundle) -> None:
    asked, gone = threading.Event(), threading.Event()

    def script(request: pb.InferRequest, context: Context) -> Iterator[pb.InferReply]:
        context.add_callback(gone.set)
        asked.set()
        return falls_silent()(request, context)

    with serving(script) as cloud, CloudClient(cloud.address) as client:
        both = device(bundle, client)
        task = asyncio.create_task(both.answer(PICTURE, QUESTION, rules=SPLIT))
        assert await asyncio.to_thread(asked.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gone.wait, 20)
        cloud.script = says("next")
        assert (await both.answer(PICTURE, QUESTION, rules=SPLIT)).text == "next"


@pytest.mark.parametrize("how", ["break", "close", "cancel"])
async def test_a_stream_that_is_left_ends_its_request(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    asked, begun = device(bundle), asyncio.Event()

    async def listen() -> None:
        stream = asked.stream(PICTURE, QUESTION)
        if how == "close":
            async with aclosing(aiter(stream)) as texts:  # type: ignore[type-var]
                await anext(texts)
            return
        async for _ in stream:
            begun.set()
            if how == "break":
                break

    with monkeypatch.context() as patch:
        patch.setattr(LocalModel, "answer", endless)
        task = asyncio.create_task(listen())
        if how == "cancel":
            await begun.wait()
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        left = [thread for thread in threading.enumerate() if thread.name in OURS]
        await asyncio.wait_for(asyncio.gather(*(asyncio.to_thread(thread.join) for thread in left)), 20)
    assert (await asked.answer(PICTURE, QUESTION)).text
