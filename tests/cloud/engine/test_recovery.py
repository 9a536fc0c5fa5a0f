"""Model code that raises for one row, and memory that runs out, with a model that counts."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import torch

from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.faults import ModelFault
from cloud.engine.job import GenerationJob
from cloud.engine.observer import Fault, Step, Unobserved
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.batch_limit import GOOD_STEPS
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.runner.faults import ran_out_of_memory
from cloud.runner.sampling import Sampler
from protos import bundle_pb2 as pb
from protos.errors import CloudBusy
from tests.cloud.engine.scripted import BAD, ScriptedModel, counting, events
from tests.cloud.engine.test_engine import answer, engine, running


def said(start: int, count: int) -> list[str]:
    return [f"{number} " for number in range(start + 1, start + 1 + count)]


async def results(one: Engine, *jobs: GenerationJob) -> list[object]:
    """The pieces of each answer, or what it failed with."""
    found: list[object] = []
    with ExitStack() as stack:
        for job in jobs:
            stack.enter_context(one.holding(job))
        for job in jobs:
            try:
                found.append([event for event in await events(job) if isinstance(event, str)])
            except (ModelFault, CloudBusy) as error:
                found.append(type(error))
    return found


@dataclass
class Watching(Unobserved):
    faults: list[tuple[Step, Fault]] = field(default_factory=list)

    def faulted(self, step: Step, fault: Fault) -> None:
        self.faults.append((step, fault))


@pytest.mark.parametrize("at_fault", [0, 3, 6])
async def test_of_a_decode_step_that_raises_only_the_row_at_fault_fails(at_fault: int) -> None:
    model = ScriptedModel()
    jobs = [counting(model, start, max_tokens=6) for start in (0, 3, 6, 9, 12, 15, 18)]
    jobs[at_fault] = counting(model, BAD - 2, max_tokens=6)
    async with running(one := engine()):
        got = await results(one, *jobs)
    assert got[at_fault] is ModelFault
    for number, start in enumerate((0, 3, 6, 9, 12, 15, 18)):
        assert number == at_fault or got[number] == said(start, 6)
    assert model.steps[0] == 7
    assert model.steps[-1] == 6, "who is left goes on as one batch"


async def test_of_prompts_that_are_read_together_only_the_one_at_fault_fails() -> None:
    model = ScriptedModel()
    async with running(one := engine()):
        got = await results(one, *(counting(model, start) for start in (1, BAD, 5)))
    assert got == [said(1, 3), ModelFault, said(5, 3)]


async def test_of_pictures_that_are_encoded_together_only_the_one_at_fault_fails() -> None:
    model = ScriptedModel()
    broken = counting(model, 9, value=float("nan"))
    async with running(one := engine()):
        got = await results(one, counting(model, 1), counting(model, 5), broken, counting(model, 12))
    assert got == [said(1, 3), said(5, 3), ModelFault, said(12, 3)]
    assert len(model.advanced) <= 1 + 2 * 2, "two halvings"


async def test_where_all_rows_are_at_fault_each_is_tried_no_more_often_than_it_can_be_halved() -> None:
    model = ScriptedModel()
    async with running(one := engine()):
        assert await results(one, *(counting(model, BAD) for _ in range(8))) == [ModelFault] * 8
        assert await answer(one, counting(model, 1)) == [said(1, 3)]
    assert len(model.prefills) == 15 + 1


async def test_a_rule_that_raises_fails_its_row_and_the_seeds_of_the_others_draw_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked() -> list[GenerationJob]:
        jobs = [counting(model, start, max_tokens=5) for start in (1, 12)]
        for seed, job in enumerate(jobs):
            job.sampler = Sampler(50.0, 1.0, seed)
        return jobs

    model = ScriptedModel(rules=pb.Decoding(suppressed_tokens=[39]))
    async with running(one := engine()):
        alone = await results(one, *asked())
        process = model.logits_processor.process

        def raising(logits: torch.Tensor, prompt: list[int], ids: list[int]) -> torch.Tensor:
            if prompt == [20] and len(ids) == 2:
                raise ZeroDivisionError
            return process(logits, prompt, ids)

        monkeypatch.setattr(model.logits_processor, "process", raising)
        assert await results(one, *asked(), counting(model, 20, max_tokens=9)) == [*alone, ModelFault]


async def test_text_that_cannot_be_made_fails_its_answer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def detokenize(ids: list[int]) -> str:
        if 22 in ids:
            raise UnicodeError
        return "".join(f"{token} " for token in ids)

    model = ScriptedModel()
    monkeypatch.setattr(model, "detokenize", detokenize)
    async with running(one := engine()):
        assert await results(one, counting(model, 20), counting(model, 1)) == [ModelFault, said(1, 3)]


async def test_where_memory_runs_out_steps_are_smaller_and_nobody_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, watching = ScriptedModel(), Watching()
    model.memory = 3
    one = Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20), watching)
    starts = [0, 2, 4, 6, 8, 10, 12, 14]
    with caplog.at_level(logging.WARNING):
        async with running(one):
            got = await results(one, *(counting(model, start, max_tokens=9) for start in starts))
    assert got == [said(start, 9) for start in starts]
    assert max(model.steps) <= 3
    assert 0 < one.limits.decode.now <= 4
    assert ("encode", "out of memory") in watching.faults
    assert "memory ran out in a step (encode, of size 8); such steps have at most 4" in caplog.text


async def test_a_batch_that_memory_no_longer_has_room_for_goes_on_in_two() -> None:
    model, one = ScriptedModel(), engine()
    jobs = [counting(model, start, max_tokens=8) for start in (0, 5, 10, 15)]
    with ExitStack() as stack:
        for job in jobs:
            stack.enter_context(one.holding(job))
        while not model.steps:
            await one.step()
        model.memory = 2
        while not all(job.finished for job in jobs):
            await one.step()
            tokens = [job._events.qsize() for job in jobs]
            assert max(tokens) - min(tokens) <= 4, "both have turns, until one has hardly anything left"
    for job, start in zip(jobs, (0, 5, 10, 15), strict=True):
        assert [event for event in await events(job) if isinstance(event, str)] == said(start, 8)
    assert model.steps == [4] + [2] * 12


async def test_answers_are_side_by_side_again_once_memory_has_been_enough_for_long() -> None:
    model, one = ScriptedModel(), engine(max_batch=2)
    one.limits.decode.ran_out(2)
    async with running(one):
        got = await results(one, *(counting(model, 0, max_tokens=25) for _ in range(6)))
    assert got == [said(0, 25)] * 6
    assert model.steps[:GOOD_STEPS] == [1] * GOOD_STEPS
    assert 2 in model.steps[GOOD_STEPS:]


async def test_a_job_that_finds_no_memory_even_alone_is_refused_and_what_is_kept_goes_first() -> None:
    model, cache = ScriptedModel(), PrefixCache(1 << 20, 60.0)
    async with running(one := Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20), None, cache)):
        (kept := counting(model, 1)).prompt = [0, 1]
        assert await results(one, kept) == [said(1, 3)]
        model.memory = 0
        assert cache.cache.bytes
        assert await results(one, counting(model, 5)) == [CloudBusy]
        assert not cache.cache.bytes
        model.memory = 1
        assert await results(one, counting(model, 5)) == [said(5, 3)]


def test_torchs_own_words_for_memory_that_ran_out_are_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert ran_out_of_memory(caught.value)
    assert ran_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert ran_out_of_memory(MemoryError())
    assert not ran_out_of_memory(RuntimeError("shapes differ"))
