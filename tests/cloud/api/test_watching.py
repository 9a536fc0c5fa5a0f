"""A camera's frames in one stream: what is answered, what is as before, and what goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest

from cloud.admission.watched import ReadFrame, WatchedFrames
from cloud.engine.ttl_cache import ENTRY_BYTES
from cloud.models.tail import Tail
from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import FrameCoder
from protos import codec as wire
from protos import inference_pb2 as ip
from protos.pictures.tiles import ONE_TILE
from tests.cloud.calling import SECRET, Caller, Pixels, calling, noted

Status = grpc.StatusCode
CUT, CODEC, QUESTION = "connector", "fitted-1", "describe the image"
Boundary = dict[str, wire.Floats]


class Camera:
    """What a device sends of one picture after another."""

    def __init__(self, tail: Tail) -> None:
        manifest = tail.bundle.manifest
        self._preprocessor, self._head = Preprocessor(manifest.preprocessing), Head(tail.bundle)
        self._coder = FrameCoder(tail.bundle, FeatureEncoders(tail.bundle))
        self._sequence = 0

    def frame(self, picture: Pixels, *, key_frame: bool = False) -> ip.WatchRequest:
        boundary = self._head.run(self._preprocessor.pixels(self._preprocessor.resize(picture)), CUT).boundary
        coded = self._coder.encode(CUT, CODEC, boundary, ONE_TILE, key_frame=key_frame)
        self._coder.acknowledge(coded, coded.frame)
        self._sequence += 1
        payloads = [data for data in coded.payloads.values() if data]
        return ip.WatchRequest(sequence=self._sequence, key_frame=not coded.reference, payloads=payloads)


@pytest.fixture
def camera(tail: Tail) -> Camera:
    return Camera(tail)


def noisy(image: Pixels, seed: int = 0) -> Pixels:
    return (image + np.random.default_rng(seed).normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def opening(tail: Tail, **fields: Any) -> ip.WatchRequest:
    fields = {
        "bundle": tail.bundle.id,
        "cut": CUT,
        "codec": CODEC,
        "question": QUESTION,
    } | fields
    return ip.WatchRequest(opening=ip.WatchOpening(**fields))


class Stream:
    """One Watch call, message by message."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def send(self, request: ip.WatchRequest) -> None:
        await self.call.write(request)

    async def reply(self) -> ip.WatchReply:
        async with asyncio.timeout(60):
            found = await self.call.read()
        assert isinstance(found, ip.WatchReply), await self.call.details()
        return found

    async def ask(self, request: ip.WatchRequest) -> ip.WatchReply:
        await self.send(request)
        return await self.reply()

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        async with asyncio.timeout(60):
            return await self.call.code(), await self.call.details()


@asynccontextmanager
async def watching(caller: Caller, first: ip.WatchRequest) -> AsyncIterator[Stream]:
    call = caller.stub.Watch(timeout=60)
    stream = Stream(call)
    await stream.send(first)
    yield stream
    call.cancel()


def as_before(reply: ip.WatchReply) -> bool:
    return reply == ip.WatchReply(sequence=reply.sequence, stages=reply.stages)


async def infer(caller: Caller, tail: Tail, picture: Pixels) -> str:
    """What a request by itself is answered."""
    boundary = Camera(tail).frame(picture)
    names = [tensor.name for tensor in tail.bundle.cut(CUT).boundary]
    payloads = [ip.Payload(name=n, data=d) for n, d in zip(names, boundary.payloads, strict=True)]
    features = ip.Features(cut=CUT, codec=CODEC, payloads=payloads)
    return (
        await caller.ask(ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, features=features))
    ).text


async def test_frames_are_answered_and_what_did_not_change_is_as_before(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        wanted = [await infer(caller, tail, scene) for scene in scenes[:2]]
        assert wanted[0] != wanted[1]
        async with watching(caller, opening(tail)) as stream:
            first = await stream.ask(camera.frame(scenes[0]))
            again = await stream.ask(camera.frame(scenes[0]))
            other = await stream.ask(camera.frame(scenes[1]))
    assert [first.text, other.text] == wanted
    assert first.done.tokens > 0
    assert as_before(again)
    assert len(again.stages) == 1
    assert [reply.sequence for reply in (first, again, other)] == [1, 2, 3]


async def test_the_model_does_not_run_where_nothing_changed(
    tail: Tail, camera: Camera, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = noted(tail, monkeypatch)
    async with calling(tail) as caller, watching(caller, opening(tail)) as stream:
        await stream.ask(camera.frame(scenes[0]))
        for _ in range(5):
            assert as_before(await stream.ask(camera.frame(scenes[0])))
    assert len(entered) == 1


async def test_a_threshold_lets_small_changes_pass_and_counts_from_what_was_answered(
    tail: Tail, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = noted(tail, monkeypatch)
    frames = [scenes[0], noisy(scenes[0], 1), noisy(scenes[0], 2), scenes[1]]
    runs = dict[float, int]()
    async with calling(tail) as caller:
        for threshold in (0.0, 0.5):
            entered.clear()
            camera = Camera(tail)
            async with watching(caller, opening(tail, threshold=threshold)) as stream:
                for frame in frames[:3]:
                    await stream.ask(camera.frame(frame, key_frame=True))
                runs[threshold] = len(entered)
                assert (await stream.ask(camera.frame(frames[3]))).text
    assert runs == {0.0: 3, 0.5: 1}


async def test_a_model_that_says_the_same_of_another_frame_is_as_before_too(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller, watching(caller, opening(tail)) as stream:
        first = await stream.ask(camera.frame(scenes[0]))
        nearly = await stream.ask(camera.frame(noisy(scenes[0]), key_frame=True))
    assert first.text
    assert as_before(nearly)
    assert len(nearly.stages) == 5


async def test_silence_answers_several_frames_at_once_and_the_end_answers_the_rest(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    """It begins behind a reply that says as before, and a frame that the model runs for is announced."""
    async with calling(tail) as caller, watching(caller, opening(tail, silence=3)) as stream:
        for _ in range(1 + 1 + 4 + 1):
            await stream.send(camera.frame(scenes[0]))
        await stream.send(camera.frame(scenes[1]))
        for _ in range(2):
            await stream.send(camera.frame(scenes[1]))
        await stream.call.done_writing()
        replies = [await stream.reply() for _ in range(7)]
        assert await stream.ended() == (Status.OK, "")
    assert [reply.sequence for reply in replies] == [1, 2, 6, 8, 8, 9, 10]
    assert [as_before(reply) for reply in replies] == [False, True, True, False, False, True, True]
    assert [reply.running for reply in replies] == [False, False, False, True, False, False, False]


async def test_a_frame_without_a_reply_has_one_when_it_is_due_though_no_other_comes(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    silent = opening(tail, silence=24, silence_milliseconds=300)
    async with calling(tail) as caller, watching(caller, silent) as stream:
        for _ in range(2):
            await stream.ask(camera.frame(scenes[0]))
        due = await stream.ask(camera.frame(scenes[0]))
    assert (due.sequence, as_before(due)) == (3, True)


async def test_a_drain_answers_the_frames_without_a_reply(
    tail: Tail, camera: Camera, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, read = asyncio.Semaphore(0), WatchedFrames.read
    loop = asyncio.get_running_loop()

    def noted_read(*given: Any) -> ReadFrame:
        loop.call_soon_threadsafe(begun.release)
        return read(*given)

    monkeypatch.setattr(WatchedFrames, "read", noted_read)
    async with calling(tail) as caller, watching(caller, opening(tail, silence=24)) as stream:
        for _ in range(2):
            await stream.ask(camera.frame(scenes[0]))
        await stream.send(camera.frame(scenes[0]))
        for _ in range(3):
            await begun.acquire()
        draining = asyncio.create_task(caller.service.drain(60))
        assert await stream.reply() == ip.WatchReply(sequence=3)
        assert (await stream.ended())[0] == Status.UNAVAILABLE
        assert await draining


async def test_frames_need_no_number(tail: Tail, camera: Camera, scenes: list[Pixels]) -> None:
    async with calling(tail) as caller, watching(caller, opening(tail)) as stream:
        for number, scene in enumerate([scenes[0], scenes[0], scenes[1]], 1):
            frame = camera.frame(scene)
            frame.ClearField("sequence")
            assert (await stream.ask(frame)).sequence == number


async def test_a_frame_whose_reference_was_pushed_out_asks_for_a_key_frame(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    no_room = calling(tail, max_sent_bytes=ENTRY_BYTES)
    async with no_room as caller, watching(caller, opening(tail)) as stream:
        assert (await stream.ask(camera.frame(scenes[0]))).text
        lost = await stream.ask(camera.frame(scenes[0]))
        assert (await stream.ask(camera.frame(scenes[1], key_frame=True))).text
    assert lost.failure.code == Status.NOT_FOUND.value[0]
    assert "send a key frame" in lost.failure.message


def key(request: ip.WatchRequest, **fields: Any) -> ip.WatchRequest:
    changed = ip.WatchRequest(sequence=request.sequence, key_frame=True, payloads=request.payloads)
    for name, value in fields.items():
        if isinstance(value, list):
            changed.ClearField(name)
            changed.payloads.extend(value)
        else:
            setattr(changed, name, value)
    return changed


@pytest.mark.parametrize(
    ("damage", "status", "words"),
    [
        ({"payloads": [b"no payload of ours"]}, Status.INVALID_ARGUMENT, "send it again"),
        ({"payloads": [bytes(10_000)]}, Status.RESOURCE_EXHAUSTED, "at most"),
        ({"payloads": []}, Status.INVALID_ARGUMENT, "one of each tensor, in this order"),
        ({"payloads": [b"", b""]}, Status.INVALID_ARGUMENT, "has 2 payloads"),
        ({"sequence": 1}, Status.INVALID_ARGUMENT, "number the frames upwards"),
    ],
    ids=["damaged", "too long", "none", "too many", "repeated"],
)
async def test_a_frame_that_is_refused_says_why_and_the_stream_goes_on(
    damage: dict[str, Any], status: Status, words: str, tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller, watching(caller, opening(tail)) as stream:
        assert (await stream.ask(camera.frame(scenes[0]))).text
        bad = key(camera.frame(scenes[0], key_frame=True), **damage)
        reply = await stream.ask(bad)
        assert (await stream.ask(camera.frame(scenes[1], key_frame=True))).text
    assert (reply.failure.code, words in reply.failure.message) == (status.value[0], True)
    assert reply.sequence == bad.sequence


async def test_after_a_frame_that_could_not_be_read_only_a_key_frame_follows(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller, watching(caller, opening(tail)) as stream:
        assert (await stream.ask(camera.frame(scenes[0]))).text
        await stream.ask(key(camera.frame(scenes[0]), payloads=[b"damaged", b""]))
        lost = await stream.ask(camera.frame(scenes[0]))
        assert lost.failure.code == Status.NOT_FOUND.value[0]
        assert as_before(await stream.ask(camera.frame(scenes[0], key_frame=True)))


async def test_bytes_that_are_no_message_are_refused_and_the_stream_goes_on(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        start: Any = caller.channel.stream_stream(
            "/isthmus.v1.Inference/Watch", response_deserializer=ip.WatchReply.FromString
        )
        messages = [opening(tail).SerializeToString(), b"\xff", camera.frame(scenes[0]).SerializeToString()]
        replies = [reply async for reply in start(iter(messages), timeout=60)]
    assert replies[0].failure.code == Status.INVALID_ARGUMENT.value[0]
    assert replies[1].text


BAD_OPENINGS: list[tuple[dict[str, Any], Status, str]] = [
    ({"bundle": b"12345678"}, Status.FAILED_PRECONDITION, "is not served here"),
    ({"bundle": b""}, Status.FAILED_PRECONDITION, "is not served here"),
    ({"cut": "vision.5"}, Status.INVALID_ARGUMENT, "vision.4"),
    ({"codec": "fitted"}, Status.INVALID_ARGUMENT, "fitted-1"),
    ({"codec": "int8-zstd"}, Status.INVALID_ARGUMENT, "watch with one of: fitted-1"),
    ({"question": ""}, Status.INVALID_ARGUMENT, "empty"),
    ({"question": "<image>"}, Status.INVALID_ARGUMENT, "stands for the picture"),
    ({"labels": ["cat"]}, Status.INVALID_ARGUMENT, "does not choose among labels"),
    ({"rows": 2, "columns": 2}, Status.INVALID_ARGUMENT, "tiles"),
    ({"threshold": -1.0}, Status.INVALID_ARGUMENT, "give 0"),
    ({"threshold": float("nan")}, Status.INVALID_ARGUMENT, "give 0"),
    ({"client_secret": b"short"}, Status.INVALID_ARGUMENT, "client_secret"),
    ({"generation": ip.Generation(temperature=-1)}, Status.INVALID_ARGUMENT, "temperature"),
]


@pytest.mark.parametrize(("fields", "status", "words"), BAD_OPENINGS)
async def test_an_opening_that_no_frame_can_be_answered_by_ends_the_stream(
    fields: dict[str, Any], status: Status, words: str, tail: Tail
) -> None:
    async with calling(tail) as caller, watching(caller, opening(tail, **fields)) as stream:
        found, message = await stream.ended()
    assert (found, words in message) == (status, True)


async def test_a_frame_before_the_opening_and_an_opening_among_frames_are_refused(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        async with watching(caller, camera.frame(scenes[0])) as stream:
            status, message = await stream.ended()
        assert (status, "begins with an opening" in message) == (Status.INVALID_ARGUMENT, True)
        async with watching(caller, opening(tail)) as stream:
            second = await stream.ask(opening(tail))
            assert "is open already" in second.failure.message
            assert (await stream.ask(camera.frame(scenes[1], key_frame=True))).text


async def test_a_service_that_keeps_nothing_takes_no_stream(tail: Tail) -> None:
    async with calling(tail, keep=0) as caller, watching(caller, opening(tail)) as stream:
        status, message = await stream.ended()
    assert (status, "--keep 0" in message) == (Status.INVALID_ARGUMENT, True)


async def test_a_frame_that_is_late_fails_and_the_next_is_answered(
    endless: Tail, scenes: list[Pixels]
) -> None:
    camera = Camera(endless)
    async with calling(endless) as caller:
        few = opening(endless, frame_milliseconds=300)
        async with watching(caller, few) as stream:
            late = [await stream.ask(camera.frame(scene)) for scene in scenes[:2]]
            await caller.until_idle()
    assert {reply.failure.code for reply in late} == {Status.DEADLINE_EXCEEDED.value[0]}


async def test_a_drain_ends_the_stream_behind_the_answer_that_is_under_way(
    endless: Tail, scenes: list[Pixels]
) -> None:
    camera = Camera(endless)
    async with calling(endless) as caller:
        asked = opening(endless, generation=ip.Generation(max_tokens=150))
        async with watching(caller, asked) as stream:
            await stream.send(camera.frame(scenes[0]))
            await caller.until_running()
            draining = asyncio.create_task(caller.service.drain(60))
            assert (await stream.reply()).done.tokens == 150
            assert (await stream.ended())[0] == Status.UNAVAILABLE
            assert await draining


async def test_what_a_stream_keeps_is_free_when_it_ends(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        kept = caller.service.engine._encoder_cache._sent
        async with watching(caller, opening(tail)) as stream:
            await stream.ask(camera.frame(scenes[0]))
            assert kept._bytes > 0
            await stream.call.done_writing()
            await stream.ended()
        assert kept._bytes == 0


async def test_a_frame_that_was_answered_can_be_asked_about_by_who_has_the_secret(
    tail: Tail, camera: Camera, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        async with watching(caller, opening(tail, client_secret=SECRET)) as stream:
            frame = (await stream.ask(camera.frame(scenes[0]))).done.frame
        again = ip.InferRequest(
            bundle=tail.bundle.id, question=QUESTION, cached_frame=frame, client_secret=SECRET
        )
        assert (await caller.ask(again)).text
