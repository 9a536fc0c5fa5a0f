"""The same question about the same frame is run once, for its owner only."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from cloud.answers.answer_store import AnswersInMemory, answer_key
from cloud.answers.shared_answers import SharedAnswers
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.job import NEVER, GenerationJob, Job
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.runner.sampling import Sampler
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.errors import CloudBusy, CloudError, DeadlineError
from tests.cloud.engine.scripted import ScriptedModel, counting
from tests.cloud.engine.test_engine import running

LONG = 10**9


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def endless() -> ScriptedModel:
    """It counts to ten, and begins again."""
    return ScriptedModel("endless", pb.Decoding(suppressed_tokens=[11]))


@asynccontextmanager
async def sharing(max_bytes: int = 1 << 20) -> AsyncIterator[SharedAnswers]:
    engine = Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20))
    answers = SharedAnswers(engine, AnswersInMemory(max_bytes, 60.0))
    async with running(engine):
        yield answers
        await answers.close()


async def ask(answers: SharedAnswers, job: Job) -> tuple[str, ip.Done]:
    job.arrived = time.monotonic()
    with answers.answering(job) as events:
        *pieces, done = [event async for event in events]
    assert isinstance(done, ip.Done)
    return "".join(map(str, pieces)), done


async def begun(answers: SharedAnswers, job: Job) -> "asyncio.Task[tuple[str, ip.Done]]":
    """One who asks, once it is worked for."""
    task = asyncio.create_task(ask(answers, job))
    await until_running(answers, 1)
    return task


async def until_running(answers: SharedAnswers, running: int) -> None:
    async with asyncio.timeout(30):
        while answers._engine.load().running != running:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_who_asks_the_same_later_is_told_what_was_said(model: ScriptedModel) -> None:
    async with sharing() as answers:
        said, first = await ask(answers, counting(model, 5))
        again, second = await ask(answers, counting(model, 5))
    assert said == again == "6 7 8 "
    assert (second.tokens, second.reason, second.frame) == (first.tokens, first.reason, first.frame)
    assert model.prefills == [1]
    assert first.stages.first_token > 0
    assert (second.stages.first_token, second.stages.tail) == (0, 0), "what did not run took no time"
    assert second.stages.total > 0


async def test_who_asks_the_same_meanwhile_gets_the_same_stream(model: ScriptedModel) -> None:
    async with sharing() as answers:
        three = await asyncio.gather(*(ask(answers, counting(model, 5)) for _ in range(3)))
    assert [said for said, _ in three] == ["6 7 8 "] * 3
    assert (model.prefills, answers.joined) == ([1], 2)


def changed(model: ScriptedModel, change: str) -> GenerationJob:
    job = counting(model, 5)
    assert job.image
    match change:
        case "owner":
            job.image = replace(job.image, owner="another")
        case "frame":
            job.image = replace(job.image, frame="b" * 16)
        case "length":
            job.max_tokens = 4
        case "question":
            job.prompt = [5, 5]
        case "bundle":
            job.tail = ScriptedModel("another")
        case "precision":
            job.tail = ScriptedModel()
            job.tail.numerics = "rounded"
    return job


@pytest.mark.parametrize("change", ["owner", "frame", "length", "question", "bundle", "precision"])
def test_another_owner_frame_or_question_is_another_answer(model: ScriptedModel, change: str) -> None:
    keys = [answer_key(job) for job in (counting(model, 5), counting(model, 5), changed(model, change))]
    assert keys[0] == keys[1] != keys[2]
    assert None not in keys


def test_another_version_of_the_service_gives_another_answer(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answer_key(counting(model, 5))
    monkeypatch.setattr("cloud.answers.answer_store.version", lambda: "another")
    assert answer_key(counting(model, 5)) != before


def test_what_is_drawn_or_nobodys_is_not_shared(model: ScriptedModel) -> None:
    drawn, nobodys = counting(model, 5), counting(model, 5)
    drawn.sampler = Sampler(0.5, 1.0, 1)
    assert nobodys.image
    nobodys.image = replace(nobodys.image, owner="")
    assert (answer_key(drawn), answer_key(nobodys)) == (None, None)


async def test_an_answer_goes_on_for_who_stays_and_ends_with_the_last(endless: ScriptedModel) -> None:
    async with sharing() as answers:
        first = await begun(answers, counting(endless, 0, max_tokens=LONG))
        second = asyncio.create_task(ask(answers, counting(endless, 0, max_tokens=LONG)))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        assert answers._engine.load().running == 1
        second.cancel()
        await asyncio.wait([second])
        await until_running(answers, 0)
        assert (await ask(answers, counting(endless, 0, max_tokens=1)))[0] == "1 "


async def test_each_waits_until_its_own_deadline_and_the_run_until_the_last(endless: ScriptedModel) -> None:
    async with sharing() as answers:
        early, late = (counting(endless, 0, max_tokens=LONG) for _ in range(2))
        early.deadline = time.monotonic() + 0.05
        first = await begun(answers, early)
        second = asyncio.create_task(ask(answers, late))
        with pytest.raises(DeadlineError):
            await first
        assert early.deadline == late.deadline == NEVER
        assert answers._engine.load().running == 1
        second.cancel()


async def test_what_fails_fails_for_all_and_is_not_kept(model: ScriptedModel) -> None:
    async with sharing() as answers:
        tasks = [asyncio.create_task(ask(answers, counting(model, 5, value=float("nan")))) for _ in range(2)]
        failed = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(error, Exception) for error in failed)
        assert (await ask(answers, counting(model, 5)))[0] == "6 7 8 "


async def test_an_answer_that_nobody_reads_is_ended(
    endless: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.engine.job.UNREAD_SECONDS", 0.02)
    async with sharing() as answers:
        with answers.answering(counting(endless, 0, max_tokens=LONG)) as events:
            assert await anext(aiter(events))
            await until_running(answers, 0)
            with pytest.raises(CloudBusy, match="not read"):
                [event async for event in events]


async def test_an_answer_is_kept_as_far_as_there_is_room(model: ScriptedModel) -> None:
    async with sharing(max_bytes=100) as answers:
        for _ in range(2):
            await ask(answers, counting(model, 5))
    assert model.prefills == [1, 1]


async def test_what_still_runs_ends_with_the_service(endless: ScriptedModel) -> None:
    async with sharing() as answers:
        task = await begun(answers, counting(endless, 0, max_tokens=LONG))
        await answers.close()
        with pytest.raises(CloudError, match="ask again"):
            await task
