"""What a collector of traces is sent by a real service."""

import asyncio

from cloud.models.tail import Tail
from edge.costs.known import known_profile
from edge.link.client import CloudClient
from edge.requests.orchestrator import Orchestrator
from protos.arms.rules import Rules
from protos.trace_context import TraceParent
from tests.cloud.calling import Pixels, calling, picture_request
from tests.cloud.telemetry.collector import collecting

QUESTION = "describe the image"
SECRET_WORDS = "what is in Anna's letter"


async def test_a_request_is_a_span_below_the_caller_s_with_its_stages_below(
    tail: Tail, scenes: list[Pixels]
) -> None:
    parent = TraceParent.new()
    with collecting() as collector:
        async with calling(tail, traces=collector.url) as caller:
            request = picture_request(tail.bundle, scenes[0], SECRET_WORDS, id="camera-1")
            async for _ in caller.stub.Infer(request, metadata=[("traceparent", str(parent))]):
                pass
            await caller.refusal(picture_request(tail.bundle, scenes[0], ""))
    answered, refused = [span for span in collector.spans if span.name == "request"]
    assert (answered.trace_id.hex(), answered.parent_span_id.hex()) == (parent.trace_id, parent.span_id)
    assert (refused.parent_span_id, refused.status.message) == (b"", "INVALID_ARGUMENT")
    told = {one.key: one.value.string_value for one in answered.attributes}
    assert told["isthmus.request_id"] == "camera-1"
    assert told["isthmus.bundle"] == tail.digest[:12]
    stages = [span for span in collector.spans if span.parent_span_id == answered.span_id]
    assert [span.name for span in stages] == ["decode", "queue", "tail", "prefill", "generate"]
    instants = [answered.start_time_unix_nano]
    for span in stages:
        assert span.trace_id == answered.trace_id
        instants += [span.start_time_unix_nano, span.end_time_unix_nano]
    assert instants == sorted(instants)
    assert not any(SECRET_WORDS.encode() in span.SerializeToString() for span in collector.spans)


async def test_a_device_s_answer_names_the_trace_of_its_request(tail: Tail, scenes: list[Pixels]) -> None:
    with collecting() as collector:
        async with calling(tail, traces=collector.url) as caller:
            with CloudClient(caller.service.address) as client:
                device = Orchestrator(tail.bundle, client, known_profile(tail.bundle, 1))
                ask = asyncio.to_thread(device.answer, scenes[0], QUESTION, Rules(allow_local=False))
                answer = await ask
    assert answer.trace_id == collector.named("request").trace_id.hex()
