"""Models in a process of their own: answers as in a thread, and what happens where the process ends."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud.api.grpc_server import SERVICE
from cloud.api.service import Service, serving
from cloud.config import ServeConfig
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.job import GenerationJob, VisionInput
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.models.served_models import ServedModel, ServedModels
from cloud.models.tail import Tail
from cloud.runner.executor import Executor, ThreadExecutor
from cloud.runner.faults import ModelLost
from cloud.runner.loading import LoadOptions
from cloud.runner.process.process_executor import ProcessExecutor
from cloud.runner.sampling import Sampler
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.errors import BundleError
from protos.inference_pb2_grpc import InferenceStub
from tests.cloud.calling import SECRET, Caller, Pixels, connected, picture_request
from tests.cloud.engine.test_arrivals import seen
from tests.cloud.engine.test_engine import answer, running

OPTIONS = LoadOptions("cpu", "float32", 1)
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
QUESTIONS = ("describe the image", "what is in the image?", "how many objects are there?")


def frames(tail: Tail, scenes: list[Pixels]) -> list[VisionInput]:
    """Pictures at every cut, which are kept."""
    pictures = enumerate(seen(tail, scenes))
    return [replace(picture, frame=f"{number:016x}", owner="me") for number, picture in pictures]


def questions(tail: ServedModel, pictures: list[VisionInput]) -> list[GenerationJob]:
    """Greedy and drawn ones."""
    assert isinstance(tail, Tail)
    return [
        GenerationJob(
            tail=tail,
            image=picture,
            prompt=tail.prompts.build(QUESTIONS[number % len(QUESTIONS)]),
            max_tokens=12,
            sampler=Sampler(1.0, 0.9, number) if number % 2 else None,
        )
        for number, picture in enumerate(pictures)
    ]


def engine(executor: Executor) -> Engine:
    queue = RequestQueue(Scheduler(8), 64)
    return Engine(queue, EncoderCache(1 << 20), None, PrefixCache(1 << 20), executor=executor)


async def test_answers_are_those_of_a_thread_and_what_nobody_refers_to_is_freed(
    tail: Tail, endless_path: Path, scenes: list[Pixels]
) -> None:
    pictures = frames(tail, scenes)
    async with running(one := engine(ThreadExecutor())):
        expected = await answer(one, *questions(tail, pictures))
    async with ProcessExecutor.running() as executor:
        model = await executor.load(tail.bundle, OPTIONS)
        assert model.placement.device_name == "cpu"
        assert model.weight_bytes == tail.weight_bytes
        async with running(one := engine(executor)):
            assert await answer(one, *questions(model, pictures)) == expected
            again, loaded = await asyncio.gather(
                answer(one, *questions(model, pictures)), executor.load(Bundle.open(endless_path), OPTIONS, 0)
            )
            assert again == expected
            assert one.prefix_cache.cache.hits
            assert (await answer(one, *questions(loaded, pictures[:1])))[0]
            with pytest.raises(BundleError, match="--memory-limit"):
                await executor.load(Bundle.open(endless_path), replace(OPTIONS, memory_limit=1 << 20), 0)
        one.lose("the test is over")
        del loaded, model
        await executor.unloaded()
        held = await executor.held()
    assert held == (0, 0)
    with pytest.raises(ModelLost):
        await executor.load(tail.bundle, OPTIONS)


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[tuple[Caller, ProcessExecutor, "asyncio.Task[None]", Bundle]]:
    """A service whose models are in a process, and who starts that anew."""
    async with ProcessExecutor.running() as executor:
        model = await executor.load(Bundle.open(path), OPTIONS)
        config = ServeConfig((path,), port=0, keep_results=0, step_limit=5.0)
        async with (
            serving(ServedModels({model.digest: model}), config, executor) as service,
            connected(service.address) as channel,
        ):
            supervising = asyncio.create_task(executor.supervise(service.telemetry.watchdog.hanging))
            try:
                yield Caller(service, channel, InferenceStub(channel)), executor, supervising, model.bundle
            finally:
                supervising.cancel()


async def health(channel: grpc.aio.Channel, service: Service, expected: int) -> None:
    watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    async with asyncio.timeout(120):
        while (await watched.read()).status != expected:
            pass
    watched.cancel()
    assert service.telemetry.metrics.serving == (expected == SERVING)


async def broken_off(call: Any) -> str:
    """The words that a call ends with, as one that may be tried again."""
    with suppress(grpc.aio.AioRpcError):
        while await call.read() is not grpc.aio.EOF:
            pass
    assert await call.code() is grpc.StatusCode.UNAVAILABLE
    return str(await call.details())


async def test_a_process_that_hangs_or_is_killed_is_started_anew_until_it_is_given_up(
    endless_path: Path, scenes: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(endless_path) as (caller, executor, supervising, bundle):
        long = picture_request(
            bundle, scenes[0], QUESTIONS[0], generation=ip.Generation(max_tokens=40_000), client_secret=SECRET
        )
        short = picture_request(bundle, scenes[1], QUESTIONS[0], generation=ip.Generation(max_tokens=4))
        said = (await caller.ask(short)).text
        calls = [caller.stub.Infer(long), caller.stub.Infer(long)]
        for call in calls:
            assert (await call.read()).text
        os.kill(first := executor.pid, signal.SIGSTOP)
        for words in [await broken_off(call) for call in calls]:
            assert "ask again in some seconds, or answer on the device" in words
        await health(caller.channel, caller.service, NOT_SERVING)
        assert "started anew" in (await caller.refusal(short))[1]
        await health(caller.channel, caller.service, SERVING)
        assert (await caller.ask(short)).text == said
        assert (executor.pid != first, executor.restarts.count) == (True, 1)
        monkeypatch.setattr(executor.restarts, "delay", lambda _: None)
        call = caller.stub.Infer(long)
        assert (await call.read()).text
        os.kill(second := executor.pid, signal.SIGKILL)
        assert "ask again" in await broken_off(call)
        await asyncio.wait_for(supervising, 60)
        for ended in (first, second):
            with pytest.raises(ProcessLookupError):
                os.kill(ended, 0)
