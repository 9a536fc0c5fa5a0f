"""The bounded queue in front of the model."""

import asyncio
import time

import pytest

from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.job import GenerationJob
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.scheduler import InFlight, Scheduler
from cloud.sharing.caller import NOBODY
from protos.errors import CloudBusy, DeadlineError
from tests.cloud.engine.scripted import ScriptedModel, counting, events
from tests.cloud.sharing.callers import named


async def test_a_request_that_is_being_decoded_has_its_place_in_the_queue() -> None:
    queue = RequestQueue(Scheduler(16), 1)
    async with queue.entering(NOBODY):
        with pytest.raises(CloudBusy, match=r"1 requests wait here already.*try again in 0\.1 s"):
            await queue.entering(NOBODY).__aenter__()
    async with queue.entering(NOBODY):
        assert len(queue) == 1  # the load counts it
    assert not len(queue)


async def test_a_full_queue_displaces_the_youngest_of_who_has_most() -> None:
    queue, model = RequestQueue(Scheduler(2), 4), ScriptedModel()
    flood = [counting(model, number, caller=named("flood")) for number in range(4)]
    for job in flood:
        queue.put(job)
    queue.put(honest := counting(model, 9, caller=named("honest")))
    with pytest.raises(CloudBusy, match="most of them yours"):
        await events(flood[-1])
    assert queue.clear() == [*flood[:-1], honest]


async def test_a_request_that_is_being_decoded_is_displaced_too() -> None:
    queue, displaced = RequestQueue(Scheduler(2), 3), []

    async def decode(number: int) -> None:
        try:
            async with queue.entering(named("flood")):
                await asyncio.Event().wait()
        except CloudBusy:
            displaced.append(number)

    async with asyncio.TaskGroup() as tasks:
        decoding = [tasks.create_task(decode(number)) for number in range(3)]
        await asyncio.sleep(0)
        async with queue.entering(named("honest")):
            await asyncio.wait(decoding, timeout=30, return_when=asyncio.FIRST_COMPLETED)
            assert len(queue) == 3
        for task in decoding:
            task.cancel()
    assert displaced == [2]


def test_callers_who_have_as_much_displace_nobody() -> None:
    queue, model = RequestQueue(Scheduler(2), 2), ScriptedModel()
    for name in "ab":
        queue.put(counting(model, 1, caller=named(name)))
    with pytest.raises(CloudBusy, match="2 requests wait here already"):
        queue.put(counting(model, 1, caller=named("c")))


def test_jobs_that_join_or_are_aborted_wait_no_longer() -> None:
    queue, one, other = RequestQueue(Scheduler(2), 9), ScriptedModel(), ScriptedModel("other")
    aborted, first, elsewhere, second, third = jobs = [
        counting(model, start) for start, model in enumerate((one, one, other, one, one))
    ]
    for job in jobs:
        queue.put(job)
    aborted.cancelled = True
    assert queue.schedule(InFlight(), Pace()).joins == [first, second]
    assert first.stages.queue > 0
    assert queue.mean_milliseconds > 0
    assert not queue.schedule(InFlight([], [[first, second]]), Pace()).joins
    assert queue.clear() == [elsewhere, third]


async def test_an_arrival_ends_the_wait() -> None:
    queue = RequestQueue(Scheduler(2), 9)
    arrival = asyncio.create_task(queue.gather())
    await asyncio.sleep(0)
    assert not arrival.done()
    queue.put(counting(ScriptedModel(), 1))
    await asyncio.wait_for(arrival, 5)


async def test_who_is_coming_in_is_waited_for_and_nobody_else() -> None:
    queue, model = RequestQueue(Scheduler(9, max_wait=60), 9), ScriptedModel()
    async with queue.entering(NOBODY):
        queue.put(counting(model, 1))
        gathered = asyncio.create_task(queue.gather())
        await asyncio.sleep(0)
        assert not gathered.done()
    queue.put(counting(model, 2))
    await asyncio.wait_for(gathered, 5)
    assert len(queue.schedule(InFlight(), Pace()).joins) == 2
    queue.put(counting(model, 3))
    await asyncio.wait_for(queue.gather(), 5)


async def test_a_full_batch_waits_for_nobody_and_no_batch_for_long() -> None:
    full, slow, model = (
        RequestQueue(Scheduler(1, max_wait=60), 9),
        RequestQueue(Scheduler(9), 9),
        ScriptedModel(),
    )
    for queue in (full, slow):
        async with queue.entering(NOBODY):
            queue.put(counting(model, 1))
            await asyncio.wait_for(queue.gather(), 5)


async def test_callers_that_ask_again_and_again_share_their_steps() -> None:
    """They would alternate else: one alone, all others, one alone."""
    queue, model = RequestQueue(Scheduler(9, max_wait=60), 9), ScriptedModel()
    engine = Engine(queue, EncoderCache(1 << 20))

    async def caller(rounds: int) -> None:
        for _ in range(rounds):
            async with queue.entering(NOBODY):
                await asyncio.sleep(0)
            with engine.holding(job := counting(model, 5)):
                await events(job)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run())
        await asyncio.wait([tasks.create_task(caller(5)) for _ in range(4)])
        running.cancel()
    assert model.prefills == [4] * 5
    assert model.steps == [4] * 10


async def test_what_cannot_be_in_time_is_refused_before_it_is_decoded() -> None:
    queue, model = RequestQueue(Scheduler(2), 9), ScriptedModel("f" * 64)
    queue.learn(_answered(model, total=500, queue=100, worked=0.2))
    now = time.monotonic()
    with pytest.raises(DeadlineError, match=r"quickest answers take 400 ms here, and \d+ ms are left"):
        await queue.entering(NOBODY, "f" * 16, now + 0.3).__aenter__()
    with pytest.raises(DeadlineError):
        queue.put(counting(model, 1, deadline=now + 0.3))
    async with queue.entering(NOBODY, "f" * 16, now + 60):
        assert len(queue) == 1
    async with queue.entering(NOBODY, "e" * 16, now + 0.3):
        assert len(queue) == 1, "another bundle may be quicker"


async def test_who_has_much_waiting_is_told_that_more_would_be_late_and_others_are_let_in() -> None:
    queue, model = RequestQueue(Scheduler(2), 99), ScriptedModel("f" * 64)
    queue.learn(_answered(model, total=100, queue=0, worked=0.1))
    soon = time.monotonic() + 2.5
    for number in range(30):
        queue.put(counting(model, number, caller=named("much")))
    with pytest.raises(CloudBusy, match=r"30 requests of yours wait here already, so this one takes 3\.1 s"):
        queue.put(counting(model, 1, caller=named("much"), deadline=soon))
    async with queue.entering(named("little"), "f" * 16, soon):
        queue.put(counting(model, 1, caller=named("little"), deadline=soon))


def test_what_failed_teaches_nothing() -> None:
    queue, model = RequestQueue(Scheduler(2), 9), ScriptedModel()
    failed = counting(model, 1)
    failed.fail(CloudBusy("no"))
    queue.learn(failed)
    queue.put(counting(model, 1, deadline=time.monotonic() + 0.1))


def _answered(model: ScriptedModel, total: float, queue: float, worked: float) -> GenerationJob:
    job = counting(model, 1)
    job.stages.total, job.stages.queue, job.worked = total, queue, worked
    return job
