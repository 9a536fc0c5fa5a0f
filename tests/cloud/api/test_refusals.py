"""Bad requests: the status, a message that says what to do, and a service that goes on."""

import asyncio
import io
import struct
import zlib
from collections.abc import Mapping, Sequence

import grpc
import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from bench.attack.inputs.zstd import lying_bomb
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.bundle import PICTURE_CUT
from protos.compression import zstd
from tests.cloud.calling import Caller, Head, Pixels, calling, picture_request, png

Status = grpc.StatusCode
QUESTION = "describe the image"


@pytest.fixture
def good(tail: Tail, scenes: list[Pixels]) -> ip.InferRequest:
    return picture_request(tail.bundle, scenes[0], QUESTION)


@pytest.fixture
def features(tail: Tail, head: Head, scenes: list[Pixels]) -> ip.InferRequest:
    return ip.InferRequest(
        bundle=tail.bundle.id, question=QUESTION, features=head.features(scenes[0], "vision.2")
    )


async def refused(tail: Tail, bad: ip.InferRequest, good: ip.InferRequest) -> tuple[grpc.StatusCode, str]:
    """The status and message of the bad request; a good one must then still be answered."""
    async with calling(tail) as caller:
        refusal = await caller.refusal(bad)
        assert (await caller.ask(good)).text
    return refusal


async def test_a_wrong_digest_names_the_digests_served(tail: Tail, good: ip.InferRequest) -> None:
    bad = ip.InferRequest(bundle=bytes(8), question=QUESTION, picture=good.picture)
    status, message = await refused(tail, bad, good)
    assert status == Status.FAILED_PRECONDITION
    assert tail.digest in message


async def test_a_refusal_is_one_line_for_the_operator_without_content(
    tail: Tail, good: ip.InferRequest, caplog: pytest.LogCaptureFixture
) -> None:
    bad = ip.InferRequest(bundle=bytes(8), question="who lives here?", picture=good.picture)
    await refused(tail, bad, good)
    (line,) = (record.getMessage() for record in caplog.records if record.name.startswith("cloud"))
    assert line.startswith("refused ipv4:127.0.0.1:")
    assert line.endswith(f"WrongBundle, bundle '{'0' * 12}', {bad.ByteSize()} bytes")


async def test_no_input(tail: Tail, good: ip.InferRequest) -> None:
    status, message = await refused(tail, ip.InferRequest(bundle=tail.bundle.id, question=QUESTION), good)
    assert status == Status.INVALID_ARGUMENT
    assert "give features, a picture" in message


@pytest.mark.parametrize(
    ("names", "known"), [(("vision.5", "fp16-zstd"), "vision.4"), (("vision.2", "jpeg"), "int8-zstd")]
)
async def test_an_unknown_name_lists_the_known(
    names: tuple[str, str], known: str, tail: Tail, features: ip.InferRequest, good: ip.InferRequest
) -> None:
    features.features.cut, features.features.codec = names
    status, message = await refused(tail, features, good)
    assert status == Status.INVALID_ARGUMENT
    assert known in message


async def test_a_name_too_long_to_quote_is_quoted_in_part(
    tail: Tail, features: ip.InferRequest, good: ip.InferRequest
) -> None:
    features.features.cut = "x" * 100_000
    status, _ = await refused(tail, features, good)
    assert status == Status.INVALID_ARGUMENT


async def test_an_id_too_long_to_come_back_in_every_reply(tail: Tail, good: ip.InferRequest) -> None:
    bad = ip.InferRequest(id="x" * 257, bundle=tail.bundle.id, question=QUESTION, picture=good.picture)
    status, message = await refused(tail, bad, good)
    assert status == Status.INVALID_ARGUMENT
    assert "at most 256" in message


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (zstd.compress(b"\0" * 100), "would unpack to 100 bytes"),  # another shape
        # cut off
        (zstd.compress(np.random.default_rng(0).bytes(64 * 192 * 2))[:-9], "not a whole zstd frame"),
        (zstd.compress(b"\0" * (1 << 28)), "would unpack to 268435456 bytes"),  # a bomb that says so
        (b"not zstd at all", "not a whole zstd frame"),
        (zstd.compress(np.full(64 * 192, np.nan, np.float16).tobytes()), "NaN"),
        (b"", "zstd"),
    ],
)
async def test_a_payload_that_the_codec_never_makes(
    payload: bytes, words: str, tail: Tail, features: ip.InferRequest, good: ip.InferRequest
) -> None:
    features.features.payloads[0].data = payload
    status, message = await refused(tail, features, good)
    assert status == Status.INVALID_ARGUMENT
    assert words in message


async def test_a_bomb_that_lies_about_its_size(
    tail: Tail, features: ip.InferRequest, good: ip.InferRequest
) -> None:
    """The frame declares what the manifest says, and holds much more in a few bytes of run-length blocks."""
    size = 64 * 192 * 2
    features.features.payloads[0].data = lying_bomb(size)
    assert zstd.get_frame_info(features.features.payloads[0].data).decompressed_size == size
    status, message = await refused(tail, features, good)
    assert status == Status.INVALID_ARGUMENT
    assert "zstd" in message


async def test_a_payload_longer_than_the_codec_needs(
    tail: Tail, features: ip.InferRequest, good: ip.InferRequest
) -> None:
    features.features.payloads[0].data = b"\0" * 1_000_000
    status, message = await refused(tail, features, good)
    assert status == Status.RESOURCE_EXHAUSTED
    assert "at most" in message


async def test_a_tensor_of_another_name_or_twice(
    tail: Tail, features: ip.InferRequest, good: ip.InferRequest
) -> None:
    twice = ip.InferRequest()
    twice.CopyFrom(features)
    twice.features.payloads.append(features.features.payloads[0])
    features.features.payloads[0].name = "pixels"
    assert (await refused(tail, features, good))[0] == Status.INVALID_ARGUMENT
    status, message = await refused(tail, twice, good)
    assert status == Status.INVALID_ARGUMENT
    assert "twice" in message


async def test_features_out_of_all_bounds_do_not_harm_the_service(
    tail: Tail, head: Head, scenes: list[Pixels], good: ip.InferRequest
) -> None:
    codes = {"hidden": np.full((64, 192), 65504, np.float16)}
    async with calling(tail) as caller:
        before = await caller.ask(good)
        await caller.ask(
            ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, features=head.pack("vision.2", codes))
        )
        assert (await caller.ask(good)).text == before.text


async def test_a_message_larger_than_any_request(tail: Tail, good: ip.InferRequest) -> None:
    bad = ip.InferRequest(
        bundle=tail.bundle.id, question=QUESTION, picture=ip.Picture(data=b"\0" * (6 << 20))
    )
    status, message = await refused(tail, bad, good)
    assert status == Status.RESOURCE_EXHAUSTED
    assert "larger than max" in message


async def test_a_picture_file_larger_than_accepted(tail: Tail, good: ip.InferRequest) -> None:
    bad = ip.InferRequest(
        bundle=tail.bundle.id, question=QUESTION, picture=ip.Picture(data=b"\0" * ((4 << 20) + 1))
    )
    status, message = await refused(tail, bad, good)
    assert status == Status.RESOURCE_EXHAUSTED
    assert "scale it down" in message


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("is it red " * 200 + "?", "ask a shorter"),
        ("a " * 999, "ask a shorter"),
        ("what is <image> here", "stands for the picture"),
    ],
)
async def test_a_question_that_does_not_fit(
    question: str, words: str, tail: Tail, good: ip.InferRequest
) -> None:
    bad = ip.InferRequest(bundle=tail.bundle.id, question=question, picture=good.picture)
    bound = tail.limits.max_prompt_tokens
    tail.limits.max_prompt_tokens = 200
    try:
        status, message = await refused(tail, bad, good)
    finally:
        tail.limits.max_prompt_tokens = bound
    assert status == Status.INVALID_ARGUMENT
    assert words in message


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
async def test_a_temperature_that_means_nothing(
    temperature: float, tail: Tail, good: ip.InferRequest
) -> None:
    bad = ip.InferRequest()
    bad.CopyFrom(good)
    bad.generation.temperature = temperature
    status, message = await refused(tail, bad, good)
    assert status == Status.INVALID_ARGUMENT
    assert "temperature" in message


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels in under a kilobyte: only its header is true."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def large() -> bytes:
    """Just above the bundle's limit on pixels, below what PIL itself warns of."""
    stream = io.BytesIO()
    Image.new("1", (8000, 5001)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a, says who", "save it as PNG"),
        (b"\x89PNG\r\n\x1a\n", "ends early"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture of a kind that is sent"),
        (bomb(), "scale it down"),
        (large(), "scale it down"),
    ],
)
async def test_something_that_is_no_picture(
    data: bytes, words: str, tail: Tail, good: ip.InferRequest
) -> None:
    bad = ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, picture=ip.Picture(data=data))
    status, message = await refused(tail, bad, good)
    assert status == Status.INVALID_ARGUMENT
    assert words in message


async def test_half_a_picture(tail: Tail, scenes: list[Pixels], good: ip.InferRequest) -> None:
    data = png(scenes[0])
    bad = ip.InferRequest(
        bundle=tail.bundle.id, question=QUESTION, picture=ip.Picture(data=data[: len(data) // 2])
    )
    status, message = await refused(tail, bad, good)
    assert status == Status.INVALID_ARGUMENT
    assert "ends early; get it again" in message


async def test_a_frame_that_was_never_sent(tail: Tail, good: ip.InferRequest) -> None:
    status, message = await refused(
        tail,
        ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, cached_frame=b"\xab" * 8),
        good,
    )
    assert status == Status.NOT_FOUND
    assert "send its features or the picture again" in message


async def test_a_full_queue_asks_to_come_back(
    tail: Tail, endless: Tail, good: ip.InferRequest, scenes: list[Pixels]
) -> None:
    async with calling(tail, endless, max_waiting=1) as caller:
        running = asyncio.create_task(
            caller.ask(
                picture_request(endless.bundle, scenes[0], QUESTION, generation=ip.Generation(max_tokens=500))
            )
        )
        await caller.until_running()
        waiting = asyncio.create_task(caller.ask(good))
        await caller.until_running(waiting=1)
        status, message = await caller.refusal(good)
        assert status == Status.RESOURCE_EXHAUSTED
        assert "try again" in message
        await cancel(running)
        assert (await waiting).text
        assert (await caller.ask(good)).text


async def cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()
    await asyncio.wait([task])


class Fragile(Tail):
    """A tail whose model raises at every second picture, as a bug or a full memory would."""

    pictures = 0

    def advance(
        self, cut: str, until: str, pictures: Sequence[Mapping[str, Tensor]]
    ) -> list[dict[str, Tensor]]:
        self.pictures += cut == PICTURE_CUT
        if self.pictures % 2:
            raise ZeroDivisionError("the inside of the service")
        return super().advance(cut, until, pictures)


async def test_a_fault_in_the_model_fails_its_batch_only(
    tail: Tail, good: ip.InferRequest, caplog: pytest.LogCaptureFixture
) -> None:
    fragile = Fragile(tail.bundle, tail.placement)
    async with calling(fragile) as caller:
        status, message = await caller.refusal(good)
        assert (await caller.ask(good)).text
    assert status == Status.INTERNAL
    assert "inside" not in message
    assert "ZeroDivisionError" in caplog.text


async def ask_until_deadline(caller: Caller, request: ip.InferRequest) -> tuple[grpc.StatusCode, str]:
    return await caller.refusal(request, seconds=0.5)


async def test_a_deadline_stops_the_work(
    endless: Tail, tail: Tail, good: ip.InferRequest, scenes: list[Pixels]
) -> None:
    async with calling(endless, tail) as caller:
        status, _ = await ask_until_deadline(caller, picture_request(endless.bundle, scenes[0], QUESTION))
        assert status == Status.DEADLINE_EXCEEDED
        await caller.until_idle()
        assert (await caller.ask(good)).text


async def test_a_cancellation_stops_the_work(
    endless: Tail, tail: Tail, good: ip.InferRequest, scenes: list[Pixels]
) -> None:
    async with calling(endless, tail) as caller:
        call = caller.stub.Infer(picture_request(endless.bundle, scenes[0], QUESTION))
        assert (await call.read()).text
        call.cancel()
        await caller.until_idle()
        assert (await caller.ask(good)).text


async def test_one_of_a_batch_can_leave(endless: Tail, scenes: list[Pixels]) -> None:
    """Cancelled in mid-batch; the others' answers stay what they are alone."""
    requests = [
        picture_request(endless.bundle, scene, QUESTION, generation=ip.Generation(max_tokens=60))
        for scene in scenes[:3]
    ]
    async with calling(endless) as caller:
        alone = [(await caller.ask(request)).text for request in requests]
        first = asyncio.create_task(caller.ask(requests[0]))
        await caller.until_running()
        leaving = caller.stub.Infer(requests[1])
        staying = [asyncio.create_task(caller.ask(request)) for request in (requests[0], requests[2])]
        assert (await leaving.read()).text
        leaving.cancel()
        together = [(await task).text for task in staying]
        await first
    assert together == [alone[0], alone[2]]
