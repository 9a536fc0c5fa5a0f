"""Frames coded against others, from a real device's half to a real service: what is lost is asked for, and
comes.
"""

import asyncio
from collections.abc import Generator
from contextlib import AsyncExitStack
from dataclasses import replace

import grpc
import numpy as np
import pytest

from cloud.engine.ttl_cache import ENTRY_BYTES
from cloud.models.tail import Tail
from edge.link.client import CloudClient
from edge.link.watching import FrameStream
from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import EncodedFrame, FrameCoder
from protos import codec as wire
from protos import inference_pb2 as ip
from protos.arms.rules import Rules
from protos.costs.profile import DeviceProfile
from protos.pictures.frames import frame_id
from protos.pictures.tiles import ONE_TILE
from tests.cloud.calling import SECRET, Caller, Pixels, calling, picture_request

STRANGER = b"s" * 16
Status = grpc.StatusCode
CUT, CODEC, QUESTION = "connector", "fitted-1", "describe the image"
RULES = Rules(route=f"split@{CUT}/{CODEC}", allow_local=False)


@pytest.fixture
def stream(tail: Tail) -> FrameCoder:
    return FrameCoder(tail.bundle, FeatureEncoders(tail.bundle))


@pytest.fixture(scope="module")
def boundaries(tail: Tail, scenes: list[Pixels]) -> list[dict[str, wire.Floats]]:
    """A scene, and what a noisy camera sees of it."""
    preprocessor, head = Preprocessor(tail.bundle.manifest.preprocessing), Head(tail.bundle)
    return [
        head.run(preprocessor.pixels(preprocessor.resize(image)), CUT).boundary
        for image in (scenes[0], noisy(scenes[0]))
    ]


def noisy(image: Pixels, seed: int = 0) -> Pixels:
    return (image + np.random.default_rng(seed).normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def asking(tail: Tail, features: ip.Features) -> ip.InferRequest:
    return ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, features=features, client_secret=SECRET)


async def difference(
    caller: Caller, tail: Tail, stream: FrameCoder, boundaries: list[dict[str, wire.Floats]]
) -> tuple[EncodedFrame, EncodedFrame]:
    """A key frame that the service has answered, and the next frame, which is coded against it."""
    key = stream.encode(CUT, CODEC, boundaries[0], ONE_TILE)
    answered = await caller.ask(asking(tail, key.message()))
    stream.acknowledge(key, answered.done.frame.hex())
    changed = stream.encode(CUT, CODEC, boundaries[1], ONE_TILE)
    assert changed.reference
    return key, changed


async def test_a_difference_is_answered_as_a_key_frame_of_the_same_codes(
    tail: Tail, stream: FrameCoder, boundaries: list[dict[str, wire.Floats]]
) -> None:
    half = wire.sender(tail.bundle.codec(CUT, CODEC), tail.bundle.file)
    assert isinstance(half, wire.FrameCodec)
    async with calling(tail) as caller:
        key, changed = await difference(caller, tail, stream, boundaries)
        answered = await caller.ask(asking(tail, changed.message()))
        whole = EncodedFrame(CUT, CODEC, ONE_TILE, half.pack(changed.sent))
        again = await caller.ask(asking(tail, whole.message()))
    assert changed.size < key.size / 2
    assert answered.text == again.text
    assert answered.done.frame == again.done.frame == frame_id(changed.frame)


@pytest.mark.parametrize(
    ("damage", "status", "words"),
    [
        (lambda f: f.MergeFrom(ip.Features(reference=b"\0" * 8)), Status.NOT_FOUND, "send a key frame"),
        (
            lambda f: f.MergeFrom(ip.Features(reference=f.reference[:7])),
            Status.INVALID_ARGUMENT,
            "has 8 bytes",
        ),
        (
            lambda f: f.MergeFrom(ip.Features(reference=f.reference[:4] + b"\0" * 4)),
            Status.INVALID_ARGUMENT,
            "send a key frame",
        ),
        (
            lambda f: f.payloads[0].MergeFrom(ip.Payload(data=f.payloads[0].data[:-2])),
            Status.INVALID_ARGUMENT,
            "send it again",
        ),
        (
            lambda f: f.payloads[0].MergeFrom(ip.Payload(data=bytes(10_000))),
            Status.RESOURCE_EXHAUSTED,
            "at most",
        ),
        (lambda f: f.MergeFrom(ip.Features(codec="fitted-2")), Status.INVALID_ARGUMENT, "send a key frame"),
        (lambda f: f.MergeFrom(ip.Features(codec="int8-zstd")), Status.INVALID_ARGUMENT, "send a key frame"),
        (
            lambda f: f.MergeFrom(ip.Features(cut="vision.4")),
            Status.INVALID_ARGUMENT,
            "this cut has ['hidden']",
        ),
    ],
    ids=[
        "unknown",
        "short",
        "another result",
        "cut off",
        "too long",
        "another codec",
        "plain codec",
        "another cut",
    ],
)
async def test_a_damaged_difference_is_refused_with_what_to_do(
    damage: object,
    status: grpc.StatusCode,
    words: str,
    tail: Tail,
    stream: FrameCoder,
    boundaries: list[dict[str, wire.Floats]],
) -> None:
    async with calling(tail) as caller:
        _, changed = await difference(caller, tail, stream, boundaries)
        request = asking(tail, replace(changed, coding=0).message())
        damage(request.features)  # type: ignore[operator]
        found, message = await caller.refusal(request)
        assert (await caller.ask(asking(tail, changed.message()))).text
    assert (found, words in message) == (status, True)


async def test_a_frame_may_be_referred_to_twice_and_in_any_order(
    tail: Tail, stream: FrameCoder, boundaries: list[dict[str, wire.Floats]]
) -> None:
    async with calling(tail) as caller:
        key, changed = await difference(caller, tail, stream, boundaries)
        texts = [(await caller.ask(asking(tail, one.message()))).text for one in (changed, key, changed)]
    assert texts[0] == texts[2]


async def test_a_reference_belongs_to_its_bundle(
    tail: Tail, endless: Tail, stream: FrameCoder, boundaries: list[dict[str, wire.Floats]]
) -> None:
    async with calling(tail, endless) as caller:
        _, changed = await difference(caller, tail, stream, boundaries)
        request = asking(tail, changed.message())
        request.bundle = endless.bundle.id
        assert (await caller.refusal(request))[0] == Status.NOT_FOUND


async def test_whoever_has_the_picture_or_its_digest_does_not_learn_that_another_sent_it(
    tail: Tail, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        sent = picture_request(tail.bundle, scenes[0], QUESTION)
        frame = (await caller.ask(sent)).done.frame
        again = ip.InferRequest(
            bundle=tail.bundle.id, question=QUESTION, cached_frame=frame, client_secret=SECRET
        )
        never = ip.InferRequest()
        never.MergeFrom(again)
        never.cached_frame = b"\xab" * 8
        assert (await caller.ask(again)).text
        for secret in (STRANGER, b""):
            again.client_secret = never.client_secret = secret
            status, message = await caller.refusal(again)
            assert (status, message.replace(frame.hex(), "ab" * 8)) == await caller.refusal(never)
            assert status == Status.NOT_FOUND


async def test_nobody_reads_a_frame_by_differences_to_it_but_who_sent_it(
    tail: Tail, stream: FrameCoder, boundaries: list[dict[str, wire.Floats]]
) -> None:
    async with calling(tail) as caller:
        _, changed = await difference(caller, tail, stream, boundaries)
        request = asking(tail, changed.message())
        for secret in (STRANGER, b""):
            request.client_secret = secret
            assert (await caller.refusal(request))[0] == Status.NOT_FOUND
        request.client_secret = SECRET
        assert (await caller.ask(request)).text


async def test_many_frames_of_one_push_out_none_of_another(
    tail: Tail, stream: FrameCoder, boundaries: list[dict[str, wire.Floats]]
) -> None:
    async with calling(tail, max_sent_bytes=8 * ENTRY_BYTES) as caller:
        _, changed = await difference(caller, tail, stream, boundaries)
        other = FrameCoder(tail.bundle, FeatureEncoders(tail.bundle))
        for seed in range(12):
            moved = {name: values + np.float32(seed) for name, values in boundaries[0].items()}
            request = asking(tail, other.encode(CUT, CODEC, moved, ONE_TILE, key_frame=True).message())
            request.client_secret = STRANGER
            await caller.ask(request)
        assert (await caller.ask(asking(tail, changed.message()))).text


async def test_a_caller_without_a_secret_gets_no_frame_kept(tail: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail) as caller:
        request = picture_request(tail.bundle, scenes[0], QUESTION, client_secret=b"")
        assert (await caller.ask(request)).done.frame == b""


@pytest.mark.parametrize("size", [1, 15, 65])
async def test_a_secret_that_can_be_guessed_or_is_data_is_refused(
    size: int, tail: Tail, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        request = picture_request(tail.bundle, scenes[0], QUESTION, client_secret=bytes(size))
        status, message = await caller.refusal(request)
    assert (status, f"has {size} bytes; give 16 to 64" in message) == (Status.INVALID_ARGUMENT, True)


class Moving:
    """A cloud that may be replaced by another while a device talks to it, as one that restarts."""

    def __init__(self) -> None:
        self.client: CloudClient | None = None
        self.requests: list[ip.InferRequest] = []

    def infer(
        self, request: ip.InferRequest, seconds: float, silence_seconds: float | None = None
    ) -> Generator[ip.InferReply, None, None]:
        assert self.client
        self.requests.append(request)
        yield from self.client.infer(request, seconds, silence_seconds)

    def watch(self, opening: ip.WatchOpening, seconds: float | None = None) -> FrameStream:
        raise AssertionError("no question is asked of frame after frame here")


class Camera:
    """A device that asks about one frame after another."""

    def __init__(self, tail: Tail) -> None:
        self.cloud = Moving()
        self._orchestrator = Orchestrator(tail.bundle, self.cloud, DeviceProfile.from_bundle(tail.bundle))

    async def ask(self, caller: Caller, picture: Pixels) -> Answer:
        with CloudClient(caller.service.address) as self.cloud.client:
            return await asyncio.to_thread(self._orchestrator.answer, picture, QUESTION, RULES)

    @property
    def keys(self) -> list[bool]:
        """Whether each request held a key frame."""
        return [not request.features.reference for request in self.cloud.requests]


async def test_the_second_of_two_nearly_equal_frames_costs_less(tail: Tail, scenes: list[Pixels]) -> None:
    camera = Camera(tail)
    async with calling(tail) as caller:
        first, second = [await camera.ask(caller, picture) for picture in (scenes[0], noisy(scenes[0]))]
    assert second.payload_bytes < first.payload_bytes / 2
    assert second.bytes_up < first.bytes_up
    assert second.text == first.text
    assert camera.keys == [True, False]


async def test_after_a_restart_a_key_frame_follows_within_the_same_question(
    tail: Tail, scenes: list[Pixels]
) -> None:
    camera = Camera(tail)
    async with calling(tail) as caller:
        first = await camera.ask(caller, scenes[0])
    async with calling(tail) as caller:
        second = await camera.ask(caller, noisy(scenes[0]))
        third = await camera.ask(caller, noisy(scenes[0], 1))
    assert camera.keys == [True, False, True, False]
    assert second.fallback is None
    assert second.text == third.text == first.text
    assert second.payload_bytes > first.payload_bytes > third.payload_bytes
    assert second.bytes_up == sum(request.ByteSize() for request in camera.cloud.requests[1:3])


async def test_an_expired_frame_is_followed_by_a_key_frame(tail: Tail, scenes: list[Pixels]) -> None:
    camera = Camera(tail)
    async with calling(tail, keep=1e-9) as caller:
        texts = [(await camera.ask(caller, picture)).text for picture in (scenes[0], noisy(scenes[0]))]
    assert camera.keys == [True, False, True]
    assert texts[0] == texts[1]


async def test_a_cloud_that_keeps_nothing_names_no_frame_and_gets_key_frames(
    tail: Tail, scenes: list[Pixels]
) -> None:
    camera = Camera(tail)
    async with calling(tail, keep=0) as caller:
        answers = [await camera.ask(caller, picture) for picture in (scenes[0], noisy(scenes[0]))]
    assert [answer.frame for answer in answers] == ["", ""]
    assert camera.keys == [True, True]


async def test_two_services_may_know_different_frames(tail: Tail, scenes: list[Pixels]) -> None:
    """Behind a load balancer: whoever lacks a frame asks for it."""
    camera = Camera(tail)
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(calling(tail)) for _ in range(2)]
        texts = {
            (await camera.ask(callers[number % 2], noisy(scenes[0], number))).text for number in range(4)
        }
    assert len(texts) == 1
