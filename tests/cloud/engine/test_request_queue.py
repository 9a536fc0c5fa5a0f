"""The bounded queue in front of the model."""

import asyncio

import pytest

from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduler import Scheduler
from protos.errors import CloudBusy
from tests.cloud.engine.scripted import ScriptedModel, counting


def test_a_request_that_is_being_decoded_has_its_place_in_the_queue() -> None:
    queue = RequestQueue(Scheduler(16), 1)
    with (
        queue.entering(),
        pytest.raises(CloudBusy, match="1 requests wait here already"),
        queue.entering(),
    ):
        pytest.fail("two were let in where one has room")
    with queue.entering():
        assert len(queue) == 1  # the load counts it
    assert not len(queue)


def test_jobs_that_join_or_are_aborted_wait_no_longer() -> None:
    queue, model = RequestQueue(Scheduler(2), 9), ScriptedModel()
    aborted, first, elsewhere, second, third = jobs = [
        counting(model, start, cut=cut) for start, cut in enumerate("ccxcc")
    ]
    for job in jobs:
        queue.put(job)
    aborted.cancelled = True
    assert queue.schedule([]).joins == [first, second]
    assert first.stages.queue > 0
    assert queue.mean_milliseconds > 0
    assert not queue.schedule([first, second]).joins
    assert queue.clear() == [elsewhere, third]


async def test_an_arrival_ends_the_wait() -> None:
    queue = RequestQueue(Scheduler(2), 9)
    arrival = asyncio.create_task(queue.arrival())
    await asyncio.sleep(0)
    assert not arrival.done()
    queue.put(counting(ScriptedModel(), 1))
    await asyncio.wait_for(arrival, 5)
