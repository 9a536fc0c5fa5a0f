"""Bytes that are no request, or one of too many fields: a reason for the caller, and no cost for others."""

from typing import Any

import grpc
import pytest

from bench.attack.inputs.messages import GARBAGE, countless
from cloud.api.messages import parse
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.errors import RequestError
from tests.cloud.calling import Caller, Pixels, calling, picture_request

QUESTION = "describe the image"
MANY = countless(end=b"\x80")  # 2 MiB each, and a last byte that no parser would take
METHODS = ("Infer", "Embed")


async def refusal(caller: Caller, method: str, message: bytes) -> tuple[grpc.StatusCode, str]:
    """What a call of raw bytes ends with."""
    start: Any = caller.channel.unary_stream(f"/isthmus.v1.Inference/{method}")
    call = start(message, timeout=60)
    try:
        replies = [reply async for reply in call]
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError(f"answered {replies!r}")


@pytest.mark.parametrize("method", METHODS)
async def test_bytes_that_are_no_message_are_refused_in_a_line(
    method: str, tail: Tail, caplog: pytest.LogCaptureFixture
) -> None:
    async with calling(tail) as caller:
        for why, message in GARBAGE.items():
            status, words = await refusal(caller, method, message)
            assert status == grpc.StatusCode.INVALID_ARGUMENT, why
            assert "send " in words, why
        assert (await refusal(caller, "Describe", b"\x80"))[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("message", MANY.values(), ids=MANY)
async def test_a_request_of_countless_fields_is_refused_before_it_is_parsed(
    message: bytes, tail: Tail
) -> None:
    async with calling(tail) as caller:
        status, words = await refusal(caller, "Infer", message)
    assert status == grpc.StatusCode.INVALID_ARGUMENT
    assert "fields" in words


async def test_a_message_that_is_none_ends_no_conversation(tail: Tail, scenes: list[Pixels]) -> None:
    requests = [picture_request(tail.bundle, scene, QUESTION, id=f"{i}") for i, scene in enumerate(scenes)]
    good = [request.SerializeToString() for request in requests]
    async with calling(tail) as caller:
        converse: Any = caller.channel.stream_stream(
            "/isthmus.v1.Inference/Converse", response_deserializer=ip.InferReply.FromString
        )
        call = converse(iter([*good[:3], *GARBAGE.values(), MANY["labels"], *good[3:]]), timeout=60)
        replies = [reply async for reply in call]
    assert {reply.id for reply in replies if reply.HasField("done")} == {request.id for request in requests}
    failures = [reply.failure for reply in replies if reply.HasField("failure")]
    assert {failure.code for failure in failures} == {grpc.StatusCode.INVALID_ARGUMENT.value[0]}
    assert len(failures) == len(GARBAGE) + 1


async def test_a_call_without_a_request_is_refused(tail: Tail) -> None:
    async with calling(tail) as caller:
        start: Any = caller.channel.stream_stream("/isthmus.v1.Inference/Infer")
        call = start(iter([]), timeout=60)
        assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_request_has_as_many_fields_as_its_messages_have() -> None:
    request = ip.InferRequest(
        id="a", features=ip.Features(payloads=[ip.Payload(name="x", data=b"y")] * 2), labels=["a", "b"]
    )
    data = request.SerializeToString()
    assert parse(ip.InferRequest, data, max_fields=10) == request
    with pytest.raises(RequestError, match="more than 9 fields"):
        parse(ip.InferRequest, data, max_fields=9)
