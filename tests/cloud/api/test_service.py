"""Converse, Describe, health, reflection, drain."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cloud.api.grpc_server import SERVICE
from cloud.api.service import serving
from cloud.config import ServeConfig
from cloud.models.served_models import ServedModels
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.errors import RequestError
from tests.cloud.calling import Pixels, calling, picture_request

QUESTION = "describe the image"


async def test_converse_answers_many_and_survives_a_failing_one(tail: Tail, scenes: list[Pixels]) -> None:
    requests = [picture_request(tail.bundle, scenes[i % 6], QUESTION, id=f"camera-{i}") for i in range(20)]
    requests[7].question = ""
    texts: dict[str, str] = defaultdict(str)
    ends: dict[str, ip.InferReply] = {}
    async with calling(tail, max_in_flight=8) as caller:
        alone = [(await caller.ask(request)).text for request in requests[:6]]
        async for reply in caller.stub.Converse(iter(requests)):
            texts[reply.id] += reply.text
            if not reply.HasField("text"):
                assert reply.id not in ends
                ends[reply.id] = reply
    assert set(ends) == {request.id for request in requests}
    assert [texts[f"camera-{i}"] for i in range(20) if i != 7] == [alone[i % 6] for i in range(20) if i != 7]
    failure = ends.pop("camera-7").failure
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "empty" in failure.message
    assert all(reply.HasField("done") for reply in ends.values())


async def test_leaving_a_conversation_stops_its_work(endless: Tail, scenes: list[Pixels]) -> None:
    async with calling(endless) as caller:
        call = caller.stub.Converse(
            iter([picture_request(endless.bundle, scene, QUESTION) for scene in scenes])
        )
        assert (await call.read()).text
        call.cancel()
        await caller.until_idle()


async def test_describe_lists_what_is_served(tail: Tail, endless: Tail) -> None:
    async with calling(tail, endless) as caller:
        reply = await caller.stub.Describe(ip.DescribeRequest())
    assert (reply.device, reply.dtype) == ("cpu", "float32")
    assert [(served.digest, served.model) for served in reply.bundles] == [
        (tail.digest, "nano"),
        (endless.digest, "endless"),
    ]
    assert list(reply.bundles[0].cuts) == ["vision.2", "vision.4", "connector"]
    assert reply.max_request_bytes > tail.limits.max_picture_bytes
    assert reply.version


async def test_load_is_reported_while_there_is_some(endless: Tail, scenes: list[Pixels]) -> None:
    async with calling(endless, max_batch=1) as caller:
        calls = [caller.stub.Infer(picture_request(endless.bundle, scene, QUESTION)) for scene in scenes[:3]]
        await caller.until_running(waiting=2)
        load = (await caller.stub.Describe(ip.DescribeRequest())).load
        assert (load.running, load.waiting) == (1, 2)
        for call in calls:
            call.cancel()
        await caller.until_idle()


async def test_health_and_reflection(tail: Tail) -> None:
    async with calling(tail) as caller:
        health = health_pb2_grpc.HealthStub(caller.channel)
        for service in ("", SERVICE):
            assert (
                await health.Check(health_pb2.HealthCheckRequest(service=service))
            ).status == health_pb2.HealthCheckResponse.SERVING
        listing = reflection_pb2_grpc.ServerReflectionStub(caller.channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        )
        names = {service.name async for reply in listing for service in reply.list_services_response.service}
    assert {"isthmus.v1.Inference", "grpc.health.v1.Health"} <= names


async def test_draining_finishes_what_runs_and_refuses_what_comes(
    tail: Tail, endless: Tail, scenes: list[Pixels]
) -> None:
    async with calling(tail, endless) as caller:
        conversation = caller.stub.Converse(_silent())
        await conversation.wait_for_connection()
        request = picture_request(
            endless.bundle, scenes[0], QUESTION, generation=ip.Generation(max_tokens=150)
        )
        running = asyncio.create_task(caller.ask(request))
        await caller.until_running()
        draining = asyncio.create_task(caller.service.drain(60))
        health = health_pb2_grpc.HealthStub(caller.channel)
        await asyncio.sleep(0)
        assert (
            await health.Check(health_pb2.HealthCheckRequest())
        ).status == health_pb2.HealthCheckResponse.NOT_SERVING
        status, message = await caller.refusal(picture_request(tail.bundle, scenes[0], QUESTION))
        assert status == grpc.StatusCode.UNAVAILABLE
        assert "shutting down" in message
        assert (await running).done.tokens == 150
        assert await draining
        assert await conversation.code() == grpc.StatusCode.UNAVAILABLE


async def _silent() -> AsyncIterator[ip.InferRequest]:
    """A camera that has nothing to ask, and stays."""
    await asyncio.Event().wait()
    yield ip.InferRequest()


async def test_a_drain_that_runs_out_of_time_fails_the_request(endless: Tail, scenes: list[Pixels]) -> None:
    async with calling(endless) as caller:
        running = asyncio.create_task(caller.refusal(picture_request(endless.bundle, scenes[0], QUESTION)))
        await caller.until_running()
        assert not await caller.service.drain(0.05)
        await caller.service.stop()
        status, message = await running
    assert status == grpc.StatusCode.UNAVAILABLE
    assert "ask again" in message


async def test_a_taken_port_is_a_clear_error(tail: Tail) -> None:
    async with calling(tail) as caller:
        config = ServeConfig((tail.bundle.path,), port=int(caller.service.address.rpartition(":")[2]))
        with pytest.raises(RequestError, match="choose another --listen"):
            await serving(ServedModels({tail.digest: tail}), config).__aenter__()
