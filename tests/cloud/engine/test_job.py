"""A job's events, its place and its end."""

import time

import pytest

from cloud.engine.scheduling.schedulable import Place
from protos import inference_pb2 as ip
from protos.errors import DeadlineError
from tests.cloud.engine.scripted import ScriptedModel, counting, events


async def test_the_last_event_finishes_a_job() -> None:
    job = counting(ScriptedModel(), 1)
    ends = []
    for event in ("text", ip.Done()):
        job.emit(event)
        ends.append(job.finished)
    assert ends == [False, True]
    assert await events(job) == ["text", ip.Done()]


async def test_an_error_finishes_a_job() -> None:
    job = counting(ScriptedModel(), 1)
    job.fail(ZeroDivisionError())
    assert job.finished
    with pytest.raises(ZeroDivisionError):
        await events(job)


async def test_a_deadline_ends_the_wait_and_aborts() -> None:
    job = counting(ScriptedModel(), 1)
    job.deadline = time.monotonic() + 0.01
    assert not job.aborted
    with pytest.raises(DeadlineError, match="allow more time"):
        await events(job)
    assert job.aborted


def test_a_job_without_a_picture_has_a_place_of_its_own() -> None:
    job = counting(ScriptedModel("digest"), 1, cut="c")
    assert (job.place, job.frame) == (Place("digest", 1), f"{1:016x}")
    job.image = None
    assert (job.place, job.frame) == (Place("digest", None), "")
