"""Health and reflection for those who send anything: a status, a line in the log, and memory for others."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from bench.attack.inputs.messages import GARBAGE
from cloud.api.grpc_server import SERVICE
from cloud.models.tail import Tail
from tests.cloud.api.test_places import alive, refusal
from tests.cloud.calling import Caller, calling

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
Status = grpc.StatusCode


async def status_of(caller: Caller, method: str, message: bytes) -> tuple[grpc.StatusCode, str]:
    """What a call of raw bytes ends with."""
    start: Any = caller.channel.stream_stream(method)
    call = start(iter([message]), timeout=60)
    return await refusal(call)


@pytest.mark.parametrize("method", [CHECK, WATCH, REFLECT])
async def test_bytes_that_are_no_message_are_refused_in_a_line(
    method: str, tail: Tail, caplog: pytest.LogCaptureFixture
) -> None:
    long = health_pb2.HealthCheckRequest(service="x" * 5000).SerializeToString()
    async with calling(tail) as caller:
        for why, message in GARBAGE.items():
            if why == "a part that is no message" and method != REFLECT:
                continue  # field 5 is unknown there, and passed over
            status, words = await status_of(caller, method, message)
            assert (status, "send one of" in words) == (Status.INVALID_ARGUMENT, True), why
        assert (await status_of(caller, method, b"\x0a\x00" * 100))[0] == Status.INVALID_ARGUMENT
        assert (await status_of(caller, method, long))[0] == Status.RESOURCE_EXHAUSTED
        assert await alive(caller)
    assert "Traceback" not in caplog.text
    assert {record.name for record in caplog.records if record.levelname == "ERROR"} == set()


async def test_an_unknown_service_is_not_found(tail: Tail) -> None:
    request = health_pb2.HealthCheckRequest(service="another").SerializeToString()
    async with calling(tail) as caller:
        assert (await status_of(caller, CHECK, request))[0] == Status.NOT_FOUND


async def test_a_bad_question_of_reflection_is_answered(tail: Tail) -> None:
    bad = [
        reflection_pb2.ServerReflectionRequest(),
        reflection_pb2.ServerReflectionRequest(file_by_filename="../x"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="x.y"),
        reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type=SERVICE),
        reflection_pb2.ServerReflectionRequest(
            file_containing_extension=reflection_pb2.ExtensionRequest(
                containing_type=SERVICE, extension_number=-1
            )
        ),
    ]
    async with calling(tail) as caller:
        start: Any = caller.channel.stream_stream(REFLECT)
        call = start((request.SerializeToString() for request in bad), timeout=60)
        replies = [reflection_pb2.ServerReflectionResponse.FromString(reply) async for reply in call]
    assert [reply.HasField("error_response") for reply in replies] == [True] * len(bad)


async def test_who_watches_for_nothing_shuts_out_nobody(tail: Tail) -> None:
    request = health_pb2.HealthCheckRequest(service=SERVICE)
    async with calling(tail) as caller:
        stub = health_pb2_grpc.HealthStub(caller.channel)
        watches = [stub.Watch(request, timeout=60) for _ in range(40)]
        first = await asyncio.gather(*(watch.read() for watch in watches), return_exceptions=True)
        told = [reply for reply in first if isinstance(reply, health_pb2.HealthCheckResponse)]
        assert 0 < len(told) <= 16  # as many as a connection may
        for watch in watches:
            watch.cancel()
        async with asyncio.timeout(30):
            while not await answers(caller):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def answers(caller: Caller) -> bool:
    """Whether the connection may call again; only that may be wrong."""
    call = health_pb2_grpc.HealthStub(caller.channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    status = await call.code()
    assert status in {Status.OK, Status.RESOURCE_EXHAUSTED}
    return bool(status == Status.OK)
