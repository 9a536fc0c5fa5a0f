"""What operators see over HTTP, of a real service."""

import asyncio
from pathlib import Path
from typing import NoReturn

import grpc
import httpx
import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families

from cloud.config import AccessConfig, RateLimits
from cloud.identity.identity import Identity
from cloud.identity.token_list import new_token
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.inference_pb2_grpc import InferenceStub
from tests.cloud.api.test_watching import opening
from tests.cloud.calling import SECRET, Head, Pixels, calling, connected, picture_request

QUESTION = "describe the image"
ANYWHERE = ("127.0.0.1", 0)


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by those of its labels, in the order of their names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"isthmus_cloud_{name}"
    }


async def test_what_was_asked_is_counted_by_what_it_brought_and_how_it_ended(
    tail: Tail, head: Head, scenes: list[Pixels]
) -> None:
    bundle = tail.digest[:12]
    async with calling(tail, http=ANYWHERE) as caller, httpx.AsyncClient() as client:
        first = await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))
        features = head.features(scenes[1], "vision.4")
        await caller.ask(ip.InferRequest(bundle=tail.bundle.id, question=QUESTION, features=features))
        again = ip.InferRequest(
            bundle=tail.bundle.id, question=QUESTION, client_secret=SECRET, cached_frame=first.done.frame
        )
        await caller.ask(again)
        assert (await caller.refusal(picture_request(tail.bundle, scenes[0], "")))[0] == (
            grpc.StatusCode.INVALID_ARGUMENT
        )
        text = (await client.get(f"{caller.service.http_url}/metrics")).text
    assert samples(text, "requests_total") == {
        (bundle, "", "pixels", "picture", "OK"): 1,
        (bundle, "fp16-zstd", "vision.4", "features", "OK"): 1,
        (bundle, "", "connector", "cached_frame", "OK"): 1,
        ("", "", "", "picture", "INVALID_ARGUMENT"): 1,
    }
    assert samples(text, "calls_total") == {("Infer", "OK"): 3, ("Infer", "INVALID_ARGUMENT"): 1}
    lookups = samples(text, "cache_lookups_total")
    assert (lookups["image tokens", "hit"], lookups["answers", "hit"]) == (1, 0)
    assert samples(text, "cache_bytes")[("image tokens",)] > 0
    assert samples(text, "stage_seconds_count")[("total",)] == 3
    assert samples(text, "batch_jobs_sum")[("prefill",)] == 3
    assert samples(text, "tokens_total")[()] >= 3
    assert samples(text, "received_bytes_total")[()] > len(features.payloads[0].data)
    assert samples(text, "sent_bytes_total")[()] > 0
    assert (samples(text, "waiting")[()], samples(text, "serving")[()]) == (0, 1)
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(
    ("error", "fault", "status"),
    [
        (ZeroDivisionError(), "raised", grpc.StatusCode.INTERNAL),
        (torch.OutOfMemoryError(), "out of memory", grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_steps_that_fail_are_counted_and_the_next_request_is_answered(
    tail: Tail,
    scenes: list[Pixels],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    fault: str,
    status: grpc.StatusCode,
) -> None:
    def raising(*_: object) -> NoReturn:
        raise error

    asked = picture_request(tail.bundle, scenes[0], QUESTION)
    async with calling(tail, http=ANYWHERE) as caller, httpx.AsyncClient() as client:
        with monkeypatch.context() as patch:
            patch.setattr(Tail, "decoder_batch", raising)
            assert (await caller.refusal(asked))[0] == status
        assert (await caller.ask(asked)).text
        text = (await client.get(f"{caller.service.http_url}/metrics")).text
    faults = samples(text, "step_faults_total")
    assert (faults[fault, "prefill"], sum(faults.values())) == (1, 1)
    limit = samples(text, "batch_limit")[("prefill",)]
    assert limit < 1024 if fault == "out of memory" else limit == 1024


async def test_health_says_whether_requests_are_let_in(tail: Tail) -> None:
    async with calling(tail, http=ANYWHERE) as caller, httpx.AsyncClient() as client:
        alive = await client.get(f"{caller.service.http_url}/healthz")
        assert (alive.status_code, alive.json()) == (200, {"status": "serving"})
        await caller.service.drain(5)
        assert (await client.get(f"{caller.service.http_url}/healthz")).status_code == 503


async def test_pages_of_other_sites_get_nothing(tail: Tail) -> None:
    async with calling(tail, http=ANYWHERE) as caller, httpx.AsyncClient() as client:
        for stranger in ({"host": "rebound.example"}, {"origin": "https://page.example"}):
            reply = await client.get(f"{caller.service.http_url}/metrics", headers=stranger)
            assert reply.status_code in {403, 421}


@pytest.mark.parametrize(("role", "status"), [("device", 403), ("operator", 200), (None, 401)])
async def test_beyond_loopback_operators_see_metrics_and_nobody_else(
    tail: Tail, tmp_path: Path, role: str | None, status: int
) -> None:
    made = new_token(Identity.checked("site", "prometheus", role or "admin"))
    (tmp_path / "tokens").write_text(made.line)
    access = AccessConfig(tokens=tmp_path / "tokens", behind_proxy=True)
    sent = {"authorization": f"Bearer {made.token}"} if role else {}
    async with calling(tail, http=("0.0.0.0", 0), access=access) as caller, httpx.AsyncClient() as client:
        url = caller.service.http_url.replace("0.0.0.0", "127.0.0.1")
        assert (await client.get(f"{url}/metrics", headers=sent)).status_code == status
        assert (await client.get(f"{url}/healthz")).status_code == 200


async def test_who_is_over_its_rate_in_a_stream_is_counted_as_any_other(
    tail: Tail, scenes: list[Pixels]
) -> None:
    request = picture_request(tail.bundle, scenes[0], QUESTION)
    async with calling(tail, rates=RateLimits(device_requests=0.01)) as caller:
        call = caller.stub.Converse(iter([request, request]), timeout=60)
        ends = [one.WhichOneof("event") async for one in call if not one.HasField("text")]
        assert sorted(ends) == ["done", "failure"]
        async with connected(caller.service.address) as another:
            stream = InferenceStub(another).Watch(iter([opening(tail), ip.WatchRequest()]), timeout=60)
            assert await stream.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        counted = samples(caller.service.telemetry.metrics.text().decode(), "requests_total")
    statuses = {(labels[3], labels[4]): count for labels, count in counted.items()}
    assert statuses == {
        ("picture", "OK"): 1,
        ("picture", "RESOURCE_EXHAUSTED"): 1,
        ("features", "RESOURCE_EXHAUSTED"): 1,
    }


async def test_who_waits_for_the_run_of_another_is_counted(endless: Tail, scenes: list[Pixels]) -> None:
    request = picture_request(endless.bundle, scenes[0], QUESTION, generation=ip.Generation(max_tokens=200))
    async with calling(endless, keep_results=300) as caller:
        await asyncio.gather(*(caller.ask(request) for _ in range(3)))
        told = caller.service.telemetry.metrics.text().decode()
    assert samples(told, "joined_total") == {(): 2}
