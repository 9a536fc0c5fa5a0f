"""Pictures that would cost much, against a real server: refused, or alone in what they cost."""

import asyncio

import grpc
import pytest

from bench.attack.inputs.pictures import endless_jpeg, png_of
from cloud.admission import picture_processes
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from tests.cloud.admission import hostile_worker
from tests.cloud.calling import Caller, Head, Pixels, calling, picture_request

QUESTION = "describe the image"


async def until_waiting(caller: Caller, count: int) -> None:
    """Until the load says so many requests wait, by its own words."""
    async with asyncio.timeout(60):
        while (await caller.stub.Describe(ip.DescribeRequest())).load.waiting < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (endless_jpeg(scans=65_338), "more than 64 scans"),
        (png_of(1, 40_000_000), "at most 16777216 pixels"),
        (b"II*\0" + bytes(100), "save it as PNG"),
    ],
    ids=["scans", "elongated", "TIFF"],
)
async def test_an_attack_is_refused_and_the_next_picture_answered(
    attack: bytes, reason: str, tail: Tail, scenes: list[Pixels]
) -> None:
    bad = ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, picture=ip.Picture(data=attack))
    async with calling(tail) as caller:
        status, message = await caller.refusal(bad)
        assert (await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))).text
    assert status == grpc.StatusCode.INVALID_ARGUMENT
    assert reason in message


async def test_pictures_without_end_hold_up_neither_features_nor_the_exit(
    tail: Tail, head: Head, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_processes, "_MODULE", hostile_worker.__name__)
    monkeypatch.setenv(hostile_worker.HOSTILE, "never")
    picture = picture_request(tail.bundle, scenes[0], QUESTION)
    features = ip.InferRequest(
        bundle=tail.bundle.id, question=QUESTION, features=head.features(scenes[0], "vision.2")
    )
    async with asyncio.timeout(100), calling(tail, max_waiting=4) as caller:
        attacks = [asyncio.create_task(caller.ask(picture, seconds=600)) for _ in range(3)]
        await until_waiting(caller, 3)
        assert (await caller.ask(features)).text
        assert not any(attack.done() for attack in attacks)
    ended = await asyncio.gather(*attacks, return_exceptions=True)
    assert all(isinstance(error, grpc.aio.AioRpcError | asyncio.CancelledError) for error in ended)
