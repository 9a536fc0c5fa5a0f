"""An answer does not depend on steps that failed on its way: a real model, half of whose layers have read a
token when one raises.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.job import GenerationJob
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.models.tail import Tail
from cloud.sharing.caller import NOBODY
from tests.cloud.calling import Pixels
from tests.cloud.engine.test_arrivals import asked, seen
from tests.cloud.engine.test_engine import answer, running

JOBS, SLICE = 12, 4


def questions(tail: Tail, scenes: list[Pixels]) -> list[GenerationJob]:
    """Some greedy, some drawn; each about a frame that is kept."""
    pictures = [
        replace(picture, frame=f"{number:016x}", owner="me")
        for number, picture in enumerate(seen(tail, scenes))
    ]
    jobs = [asked(tail, pictures, number) for number in range(JOBS)]
    for job in jobs:
        job.caller = NOBODY  # so that all share their steps, however long these take
    return jobs


def engine(max_prefill_tokens: int = 1024) -> Engine:
    queue = RequestQueue(Scheduler(8, max_prefill_tokens), 64)
    return Engine(queue, EncoderCache(1 << 20), None, PrefixCache(1 << 20))


@contextmanager
def raising(tail: Tail, error: Callable[[], Exception], part: float) -> Iterator[list[int]]:
    """The last layer raises for so large a part of all steps of several rows; how many these had."""
    decoder: Any = tail.decoder
    *_, last = decoder.layers
    draw, forward, raised = random.Random(0), last.forward, list[int]()

    def forward_or_raise(hidden: Tensor, *arguments: Any, **options: Any) -> Any:
        if len(hidden) > 1 and draw.random() < part:
            raised.append(len(hidden))
            raise error()
        return forward(hidden, *arguments, **options)

    last.forward = forward_or_raise
    try:
        yield raised
    finally:
        del last.forward


async def test_answers_are_the_same_where_steps_raise_and_where_memory_runs_out(
    endless: Tail, scenes: list[Pixels]
) -> None:
    async with running(one := engine()):
        expected = await answer(one, *questions(endless, scenes))
    for error in (ZeroDivisionError, torch.OutOfMemoryError):
        with raising(endless, error, part=0.5) as raised:
            async with running(one := engine()):
                assert await answer(one, *questions(endless, scenes)) == expected
        assert raised


async def test_answers_are_the_same_where_prompts_are_read_in_slices(
    endless: Tail, scenes: list[Pixels]
) -> None:
    async with running(one := engine()):
        expected = await answer(one, *questions(endless, scenes))
    async with running(one := engine(SLICE)):
        jobs = questions(endless, scenes)
        assert all(len(job.prompt) > 2 * SLICE for job in jobs)
        assert await answer(one, *jobs) == expected
        hits = one.prefix_cache.cache.hits
        assert await answer(one, *questions(endless, scenes)) == expected
        assert one.prefix_cache.cache.hits == hits + JOBS
