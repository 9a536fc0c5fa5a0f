"""The engine's steps, with a model that counts."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest
import torch

from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.faults import ModelFault
from cloud.engine.job import GenerationJob
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.runner.sampling import Sampler
from protos import bundle_pb2 as pb
from protos.errors import CloudError, PayloadError, UnknownFrame
from tests.cloud.engine.scripted import STOP, ScriptedModel, counting, events
from tests.cloud.sharing.callers import named


def engine(max_batch: int = 8, cache: EncoderCache | None = None, max_wait: float = 0.005) -> Engine:
    return Engine(RequestQueue(Scheduler(max_batch, max_wait=max_wait), 64), cache or EncoderCache(1 << 20))


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def answer(engine: Engine, *jobs: GenerationJob) -> list[list[object]]:
    """Queue jobs together; the pieces of each."""
    with ExitStack() as stack:
        for job in jobs:
            stack.enter_context(engine.holding(job))
        return [[event for event in await events(job) if isinstance(event, str)] for job in jobs]


async def test_jobs_of_one_bundle_are_answered_in_one_batch() -> None:
    model, other = ScriptedModel(), ScriptedModel("other")
    jobs = [counting(model, 10), counting(other, 20), counting(model, 0)]
    async with running(one := engine()):
        pieces = await answer(one, *jobs)
        assert (one.load().running, one.load().waiting) == (0, 0)
    assert pieces == [["11 ", "12 ", "13 "], ["21 ", "22 ", "23 "], ["1 ", "2 ", "3 "]]
    assert (model.prefills, other.prefills) == ([2], [1])


async def test_pictures_board_at_each_cut_while_others_come_through_the_layers() -> None:
    one, model = engine(max_wait=0), ScriptedModel(cuts=("pixels", "vision.1", "vision.2", "connector"))
    first, later = counting(model, 10, cut="pixels"), counting(model, 0, cut="vision.2")
    with one.holding(first):
        await one.step()
        with one.holding(later), one.holding(counting(model, 5, cut="pixels")):
            await one.step()
            await one.step()
            assert model.advanced == [("pixels", 1), ("vision.1", 1), ("vision.2", 2)]
            await one.step()
    assert model.prefills == [2]
    assert first.stages.tail > later.stages.tail > 0


async def test_a_job_that_is_cancelled_between_two_cuts_goes_no_further() -> None:
    one, model = engine(), ScriptedModel(cuts=("pixels", "vision.1", "connector"))
    with one.holding(staying := counting(model, 5, max_tokens=1, cut="pixels")):
        with one.holding(counting(model, 1, cut="pixels")):
            await one.step()
        while not staying.finished:
            await one.step()
    assert model.advanced == [("pixels", 2), ("vision.1", 1)]


async def test_who_comes_later_joins_the_answers_that_run() -> None:
    one, model = engine(), ScriptedModel()
    first = counting(model, 1, max_tokens=9, caller=named("a"))
    second = counting(model, 5, max_tokens=3, caller=named("b"))
    with one.holding(first):
        for _ in range(3):
            await one.step()
        with one.holding(second):
            one.queue.shares.charge(first.caller, 1.0)  # so that who comes does not wait for the other half
            while not second.finished:
                await one.step()
        assert one.load().running == 2
        async with running(one):
            assert [piece for piece in await events(first) if isinstance(piece, str)] == [
                f"{number} " for number in range(2, 11)
            ]
    assert model.prefills == [1, 1]
    assert 2 in model.steps


async def test_who_comes_with_image_tokens_is_prefilled_at_the_next_step() -> None:
    one, model = engine(), ScriptedModel()
    with one.holding(counting(model, 1, max_tokens=9)):
        for _ in range(3):
            await one.step()
        with one.holding(counting(model, 5, cut="x")):
            await one.step()
            assert model.prefills == [1]
            await one.step()
            assert model.prefills == [1, 1]


async def test_a_place_that_an_answer_frees_is_taken_at_the_next_step() -> None:
    one, model = engine(max_batch=2), ScriptedModel()
    jobs = [counting(model, start, max_tokens=length) for start, length in ((1, 2), (5, 20), (9, 2))]
    with ExitStack() as stack:
        for job in jobs:
            stack.enter_context(one.holding(job))
        while not jobs[0].finished:
            await one.step()
        assert (one.load().running, one.load().waiting) == (2, 1)
        await one.step()
        assert (one.load().running, one.load().waiting) == (2, 0)


async def test_prompts_that_are_long_together_are_prefilled_one_after_another() -> None:
    queue, model = RequestQueue(Scheduler(8, max_prefill_tokens=5), 64), ScriptedModel()
    jobs = [counting(model, start) for start in (1, 2, 3)]
    for job in jobs:
        job.prompt = [0, *job.prompt]
    async with running(one := Engine(queue, EncoderCache(1 << 20))):
        assert [pieces[0] for pieces in await answer(one, *jobs)] == ["2 ", "3 ", "4 "]
    assert model.prefills == [2, 1]


@pytest.mark.parametrize(
    ("rules", "start", "said"),
    [
        (pb.Decoding(suppressed_tokens=[11]), 10, ["0 ", "1 ", "2 "]),
        (pb.Decoding(first_suppressed_tokens=[11, 12]), 10, ["0 ", "1 ", "2 "]),
        (pb.Decoding(min_new_tokens=2), STOP - 1, ["0 ", "1 ", "2 "]),
        (pb.Decoding(no_repeat_ngram_size=1), STOP - 2, [f"{STOP - 1} "]),
        (pb.Decoding(min_tokens=4), STOP - 2, [f"{STOP - 1} ", "0 ", "1 "]),
    ],
)
async def test_the_bundles_rules_of_decoding_are_obeyed(
    rules: pb.Decoding, start: int, said: list[str]
) -> None:
    ruled, free = ScriptedModel(rules=rules), ScriptedModel("other")
    async with running(one := engine()):
        assert await answer(one, counting(ruled, start), counting(free, 20)) == [
            said,
            ["21 ", "22 ", "23 "],
        ]


async def test_what_is_suppressed_is_not_drawn_either() -> None:
    model = ScriptedModel(rules=pb.Decoding(suppressed_tokens=[11]))
    jobs = [counting(model, 10, max_tokens=1) for _ in range(8)]
    for seed, job in enumerate(jobs):
        job.sampler = Sampler(0.01, 1.0, seed)
    async with running(one := engine()):
        assert all(pieces != ["11 "] for pieces in await answer(one, *jobs))


async def test_a_step_encodes_or_prefills_or_decodes() -> None:
    one, model = engine(max_batch=1), ScriptedModel()
    first, second = counting(model, 1, max_tokens=2), counting(model, 5, max_tokens=1)
    with one.holding(first), one.holding(second):
        await one.step()
        assert (one.load().running, one.load().waiting, model.prefills) == (1, 1, [])
        await one.step()
        assert (model.prefills, model.steps) == ([1], [])
        await one.step()
        assert (first.finished, model.steps) == (True, [1])
        await one.step()
        await one.step()
        assert second.finished
    assert model.prefills == [1, 1]


async def test_a_cancelled_job_leaves_the_batch_at_the_next_step() -> None:
    one, model = engine(), ScriptedModel()
    leaving, staying = counting(model, 1, max_tokens=9), counting(model, 5, max_tokens=9)
    with one.holding(staying):
        with one.holding(leaving):
            await one.step()
            await one.step()
            assert one.load().running == 2
        await one.step()
        assert one.load().running == 1
    assert leaving._events.qsize() == 1
    assert model.steps == [1]


async def test_a_job_that_is_cancelled_between_encoding_and_prefill_is_not_prefilled() -> None:
    one, model = engine(), ScriptedModel()
    with one.holding(staying := counting(model, 5, max_tokens=1)):
        with one.holding(counting(model, 1)):
            await one.step()
        await one.step()
        assert staying.finished
    assert model.prefills == [1]


async def test_image_tokens_are_remembered() -> None:
    cache = EncoderCache(1 << 20)
    async with running(one := engine(cache=cache)):
        await answer(one, counting(ScriptedModel(), 7, value=0.5))
    assert torch.equal(cache.get(f"{7:016x}", "counting", "me").image_tokens, torch.full((1, 1, 1), 0.5))


async def test_a_fault_fails_its_batch_only(caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = counting(ScriptedModel(), 1, value=float("nan")), counting(ScriptedModel("other"), 5)
    async with running(one := engine()):
        with one.holding(broken), one.holding(whole):
            with pytest.raises(ModelFault):
                await events(broken)
            assert (await events(whole))[0] == "6 "
    assert "a step (encode, of size 1) failed; the service goes on" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_picture_that_becomes_no_number_fails_before_it_is_beside_others() -> None:
    cache, model = EncoderCache(1 << 20), ScriptedModel()
    spoilt, whole = counting(model, 1, value=float("inf")), counting(model, 5)
    async with running(one := engine(cache=cache)):
        with one.holding(spoilt), one.holding(whole):
            with pytest.raises(PayloadError, match="send the picture instead"):
                await events(spoilt)
            assert (await events(whole))[0] == "6 "
    assert model.prefills == [1]
    with pytest.raises(UnknownFrame):
        cache.get(f"{1:016x}", "counting", "me")


async def test_what_is_unfinished_fails_when_the_engine_stops() -> None:
    one, model = engine(max_batch=1), ScriptedModel()
    jobs = [counting(model, 1, max_tokens=10**6), counting(model, 5)]
    async with running(one):
        for job in jobs:
            one.queue.put(job)
        await asyncio.sleep(0)
    for job in jobs:
        with pytest.raises(CloudError, match="ask again"):
            await events(job)


class SlowReader(ScriptedModel):
    """Reads slices of several tokens, and each takes longer than newcomers may take at once."""

    def allocate(self, rows: int) -> None:
        super().allocate(rows)
        time.sleep(0.12 if rows > 1 else 0.0)


async def test_a_long_prompt_is_read_in_slices_and_running_answers_get_tokens_in_between() -> None:
    model = SlowReader()
    one = Engine(RequestQueue(Scheduler(8, max_prefill_tokens=5), 64), EncoderCache(1 << 20))
    running_on, long = counting(model, 1, max_tokens=20), counting(model, 20, max_tokens=2)
    long.prompt = [*[0] * 12, 20]
    steps_at_slices = []
    with one.holding(running_on):
        for _ in range(3):
            await one.step()
        with one.holding(long):
            while not long.finished:
                slices = len(model.slices)
                await one.step()
                steps_at_slices += [len(model.steps)] * (len(model.slices) - slices)
    assert [piece for piece in await events(long) if isinstance(piece, str)] == ["21 ", "22 "]
    assert model.slices == [5, 5]
    assert steps_at_slices[0] < steps_at_slices[1], "the answer that runs got tokens"
    assert long.stages.queue > 0


@pytest.mark.parametrize(("indivisible", "slices"), [(8, [8]), (13, [])])
async def test_what_a_family_reads_at_once_is_not_sliced(indivisible: int, slices: list[int]) -> None:
    model = ScriptedModel()
    model.indivisible = indivisible
    long = counting(model, 20, max_tokens=2)
    long.prompt = [*[0] * 12, 20]
    async with running(one := Engine(RequestQueue(Scheduler(8, 5), 64), EncoderCache(1 << 20))):
        assert await answer(one, long, counting(model, 1)) == [["21 ", "22 "], ["2 ", "3 ", "4 "]]
    assert model.slices == slices


async def test_a_job_that_is_cancelled_in_the_middle_of_its_prompt_leaves_nothing() -> None:
    model, one = ScriptedModel(), Engine(RequestQueue(Scheduler(8, 5), 64), EncoderCache(1 << 20))
    long = counting(model, 20)
    long.prompt = [*[0] * 12, 20]
    with one.holding(long):
        while not model.slices:
            await one.step()
        assert one.load().running == 1
    decoder = weakref.ref(model.decoders[-1])
    model.decoders.clear()
    with one.holding(other := counting(model, 1, max_tokens=1)):
        while not other.finished:
            await one.step()
    assert decoder() is None, "its keys and values are freed"
    assert model.slices == [5]


async def test_a_prompt_in_slices_that_finds_no_memory_is_read_anew_in_smaller_ones() -> None:
    model, one = ScriptedModel(), Engine(RequestQueue(Scheduler(8, 400), 64), EncoderCache(1 << 20))
    long = counting(model, 20, max_tokens=2)
    long.prompt = [*[0] * 999, 20]
    with one.holding(long):
        while not model.slices:
            await one.step()
        model.memory = 250
        while not long.finished:
            await one.step()
    assert [piece for piece in await events(long) if isinstance(piece, str)] == ["21 ", "22 "]
    assert model.slices == [400, 200, 200, 200, 200]
