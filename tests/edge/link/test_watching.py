"""A camera's frames over one call to a real service: what comes back, and what it costs on the wire."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from cloud.models.tail import Tail
from edge.link.client import CloudClient
from edge.link.time_limits import TimeLimits
from edge.link.watching import MAX_WAITING, FrameQueue, FrameStream
from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import FrameCoder
from protos import codec as wire
from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.connection.peer import Peer
from protos.errors import CloudError, RequestError, UnknownFrame
from protos.pictures.tiles import ONE_TILE
from splitter.nano.scenes import HELD_OUT_SEEDS, picture
from tests.cloud.calling import FP32, Pixels, calling

CUT, CODEC, QUESTION = "connector", "fitted-4", "describe the image"
FAST = Conditions.steady(1000 * MEGABIT, round_trip=0.001)


@pytest.fixture(scope="module")
def tail(bundle: Bundle) -> Tail:
    return Tail(bundle, FP32)


@pytest.fixture(scope="module")
def boundaries(bundle: Bundle) -> list[dict[str, wire.Floats]]:
    """Two scenes behind the head."""
    preprocessor, head = Preprocessor(bundle.manifest.preprocessing), Head(bundle)

    def reached(image: Pixels) -> dict[str, wire.Floats]:
        return head.run(preprocessor.pixels(preprocessor.resize(image)), CUT).boundary

    return [reached(picture(HELD_OUT_SEEDS + 77 + seed).image) for seed in range(2)]


def opening(bundle: Bundle, silence: int = 0, question: str = QUESTION) -> pb.WatchOpening:
    name = bundle.id
    return pb.WatchOpening(bundle=name, cut=CUT, codec=CODEC, question=question, silence=silence)


class Sender:
    """Codes a camera's frames, each against the one before."""

    def __init__(self, bundle: Bundle, stream: FrameStream) -> None:
        self._coder, self._stream = FrameCoder(bundle, FeatureEncoders(bundle)), stream

    def send(self, boundary: dict[str, wire.Floats]) -> int:
        """How many bytes of payload."""
        coded = self._coder.encode(CUT, CODEC, boundary, ONE_TILE)
        self._coder.acknowledge(coded, coded.frame)
        payloads = list(coded.payloads.values())
        self._stream.send(payloads, key_frame=not coded.reference)
        return sum(map(len, payloads))


async def test_a_camera_is_answered_frame_by_frame(
    tail: Tail, boundaries: list[dict[str, wire.Floats]]
) -> None:
    def watch(address: str) -> None:
        with CloudClient(address) as client:
            stream = client.watch(opening(tail.bundle, silence=2), 60)
            sender, shown = Sender(tail.bundle, stream), [0, 0, 0, 0, 1, 1]
            for index in shown:
                sender.send(boundaries[index])
            stream.finish()
            told = list(stream)
        assert [answer.sequence for answer in told if answer.running] == [5]
        found = [answer for answer in told if not answer.running]
        assert [answer.sequence for answer in found] == [1, 2, 3, 4, 5, 6]
        assert [answer.done is not None for answer in found] == [True, False, False, False, True, False]
        assert found[0].text == found[3].text != found[4].text == found[5].text

    async with calling(tail) as caller:
        await asyncio.to_thread(watch, caller.service.address)


async def test_a_frame_that_fails_has_an_error_and_a_stream_that_fails_raises(
    tail: Tail, boundaries: list[dict[str, wire.Floats]]
) -> None:
    def watch(address: str) -> None:
        with CloudClient(address) as client:
            stream = client.watch(opening(tail.bundle), 60)
            stream.send([], key_frame=False)
            Sender(tail.bundle, stream).send(boundaries[0])
            stream.finish()
            first, second = stream
            assert isinstance(first.error, UnknownFrame)
            assert (second.error, bool(second.text)) == (None, True)
            with pytest.raises(RequestError, match="the question is empty"):
                list(client.watch(opening(tail.bundle, question=""), 60))

    async with calling(tail) as caller:
        await asyncio.to_thread(watch, caller.service.address)


async def test_a_stream_that_is_closed_leaves_the_client_usable(
    tail: Tail, boundaries: list[dict[str, wire.Floats]]
) -> None:
    def watch(address: str) -> None:
        with CloudClient(address) as client:
            stream = client.watch(opening(tail.bundle))
            Sender(tail.bundle, stream).send(boundaries[0])
            assert next(iter(stream)).text
            stream.close()
            assert client.describe(10).bundles[0].digest == tail.digest

    async with calling(tail) as caller:
        await asyncio.to_thread(watch, caller.service.address)
        await caller.until_idle()


async def test_a_frame_of_a_still_scene_takes_24_bytes_beside_its_payload_all_counted(
    tail: Tail, boundaries: list[dict[str, wire.Floats]]
) -> None:
    """Both ways on the TCP connection: HTTP/2's frames, window updates and pings, gRPC's prefix, replies."""
    frames = 1 + 6 * 25  # the first has a reply, from then on every 25th

    def watch(address: str) -> int:
        with ExitStack() as stack:
            link = stack.enter_context(Link(address, FAST))
            client = stack.enter_context(CloudClient(link.address))
            stream = client.watch(opening(tail.bundle, silence=24))
            sender, answers = Sender(tail.bundle, stream), iter(stream)
            sender.send(boundaries[0])
            next(answers)
            time.sleep(0.2)  # for window updates that follow
            before = link.up.taken + link.down.taken
            for _ in range(frames):
                assert sender.send(boundaries[0]) == 0
                time.sleep(0.01)  # a write of its own for each, as a camera's
            for _ in range(frames):
                assert next(answers).done is None
            time.sleep(0.2)
            counted = link.up.taken + link.down.taken - before
            stream.close()
            return counted

    async with calling(tail) as caller:
        counted = await asyncio.to_thread(watch, caller.service.address)
    assert 14 < counted / frames <= 20


class Scripted:
    """Replies as they stand in a list."""

    def __init__(self, *replies: pb.WatchReply) -> None:
        self._replies = replies

    active = True

    def __iter__(self) -> Iterator[pb.WatchReply]:
        return iter(self._replies)

    def close(self) -> None:
        """Nothing is open."""


def stream_of(replies: Scripted) -> FrameStream:
    peer = Peer.parse("127.0.0.1:1")
    return FrameStream(FrameQueue(pb.WatchOpening()), replies, peer, TimeLimits(), lambda _: CloudError(""))


def answered(*replies: pb.WatchReply) -> Sequence[tuple[int, str, bool]]:
    stream = stream_of(Scripted(*replies))
    return [(answer.sequence, answer.text, answer.done is not None) for answer in stream]


def test_a_reply_answers_the_frames_before_it_that_had_none() -> None:
    first = pb.WatchReply(sequence=1, text="a cat", done=pb.Done())
    assert answered(first, pb.WatchReply(sequence=4)) == [
        (1, "a cat", True),
        (2, "a cat", False),
        (3, "a cat", False),
        (4, "a cat", False),
    ]


def test_a_reply_as_before_says_where_the_time_went() -> None:
    said = pb.WatchReply(sequence=1, text="a cat", done=pb.Done())
    replies = Scripted(
        said, pb.WatchReply(sequence=2, stages=[12]), pb.WatchReply(sequence=3, stages=[1] * 5)
    )
    _, alike, ran = stream_of(replies)
    assert (alike.ran, ran.ran) == (False, True)
    assert alike.stages == pb.Stages(decode=1.2, total=1.2)
    assert ran.stages
    assert ran.stages.total == pytest.approx(0.5)


def test_frames_that_the_link_does_not_take_are_refused() -> None:
    queue = FrameQueue(pb.WatchOpening())
    taken = iter(queue)
    assert next(taken).HasField("opening")
    for number in range(1, MAX_WAITING + 1):
        assert queue.send([b"codes"], key_frame=False) == number
    with pytest.raises(CloudError, match="leave this one out"):
        queue.send([b"codes"], key_frame=False)
    assert next(taken).payloads == [b"codes"]
    assert queue.send([b"codes"], key_frame=False) == MAX_WAITING + 1


def test_replies_out_of_order_end_the_stream() -> None:
    with pytest.raises(CloudError, match="behind frame 2"):
        answered(pb.WatchReply(sequence=2), pb.WatchReply(sequence=1))
