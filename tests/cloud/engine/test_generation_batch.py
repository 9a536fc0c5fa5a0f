"""Answers side by side, with a model that counts."""

import pytest

from cloud.engine.generation_batch import GenerationBatch
from cloud.engine.job import GenerationJob
from protos import inference_pb2 as ip
from protos.errors import PayloadError
from tests.cloud.engine.scripted import NAN, STOP, Inline, ScriptedModel, counting, events


async def prefilled(*jobs: GenerationJob, text_interval: float = 0.0) -> GenerationBatch:
    batch = GenerationBatch(Inline(), jobs, text_interval)
    await batch.prefill()
    batch.postprocess()
    return batch


async def step(batch: GenerationBatch, *leaving: GenerationJob) -> None:
    batch.leave(leaving)
    await batch.decode()
    batch.postprocess()


async def test_an_answer_ends_at_its_limit_or_at_a_stop_token() -> None:
    model = ScriptedModel()
    limited, stopped = counting(model, 5, max_tokens=3), counting(model, STOP - 3, max_tokens=9)
    batch = await prefilled(limited, stopped)
    await step(batch)
    await step(batch)
    assert limited.finished
    assert stopped.finished
    *pieces, done = await events(limited)
    assert pieces == ["6 ", "7 ", "8 "]
    assert isinstance(done, ip.Done)
    assert (done.reason, done.tokens, done.frame) == (ip.Done.LENGTH, 3, bytes([0, 0, 0, 0, 0, 0, 0, 5]))
    *pieces, done = await events(stopped)
    assert pieces == ["28 ", "29 "]
    assert isinstance(done, ip.Done)
    assert (done.reason, done.tokens) == (ip.Done.STOP, 2)


async def test_text_within_the_interval_waits_for_the_next_piece_or_the_end() -> None:
    model = ScriptedModel()
    short, long = counting(model, 1, max_tokens=3), counting(model, 11, max_tokens=5)
    batch = await prefilled(short, long, text_interval=60.0)
    await step(batch)
    await step(batch)
    assert [event for event in await events(short) if isinstance(event, str)] == ["2 ", "3 4 "]
    batch.answers[1].text_due = 0.0  # the minute is over
    await step(batch, short)
    await step(batch)
    assert [event for event in await events(long) if isinstance(event, str)] == ["12 ", "13 14 15 ", "16 "]


async def test_the_others_keep_their_rows_when_some_leave() -> None:
    model = ScriptedModel()
    first, second, third = jobs = [counting(model, start, max_tokens=3) for start in (1, 11, 21)]
    batch = await prefilled(*jobs)
    await step(batch, first)
    await step(batch)
    assert [piece for piece in await events(second) if isinstance(piece, str)] == ["12 ", "13 ", "14 "]
    assert [piece for piece in await events(third) if isinstance(piece, str)] == ["22 ", "23 ", "24 "]


async def test_answers_of_two_batches_go_on_in_one_and_who_left_before_takes_no_row() -> None:
    model = ScriptedModel()
    first, gone, late, never = (counting(model, start, max_tokens=3) for start in (1, 11, 21, 25))
    batch, newcomers = await prefilled(first, gone), await prefilled(late, never)
    batch.leave([gone])
    newcomers.leave([never])
    await batch.merge(newcomers)
    assert batch.jobs == [first, late]
    await step(batch)
    await step(batch)
    assert [piece for piece in await events(first) if isinstance(piece, str)] == ["2 ", "3 ", "4 "]
    assert [piece for piece in await events(late) if isinstance(piece, str)] == ["22 ", "23 ", "24 "]
    assert model.steps == [2, 2]


async def test_an_aborted_job_gets_no_event() -> None:
    job = counting(ScriptedModel(), 1)
    job.cancelled = True
    await prefilled(job)
    assert job._events.empty()


async def test_nan_in_a_row_spoils_that_row_only() -> None:
    model = ScriptedModel()
    spoilt, whole = counting(model, NAN), counting(model, 1, max_tokens=1)
    await prefilled(spoilt, whole)
    with pytest.raises(PayloadError, match="send the picture instead"):
        await events(spoilt)
    assert (await events(whole))[0] == "2 "


async def test_nothing_is_decoded_once_all_have_left() -> None:
    batch = await prefilled(job := counting(ScriptedModel(), 1))
    batch.leave([job])
    with pytest.raises(RuntimeError, match="before prefill"):
        await batch.decode()
