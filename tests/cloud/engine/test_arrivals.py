"""An answer does not depend on its company: hundreds of random arrivals at a real model."""

import asyncio
import random
from itertools import cycle

import numpy as np
import pytest
import torch

from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.job import GenerationJob, VisionInput
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.models.tail import Tail
from cloud.runner.sampling import Sampler
from protos.bundle import PICTURE_CUT
from protos.errors import PayloadError
from tests.cloud.calling import Pixels
from tests.cloud.engine.test_engine import running
from tests.cloud.sharing.callers import named

QUESTIONS = (
    "describe the image",
    "what color is the circle",
    "is there a red square",
    "how many circles are there",
)
ARRIVALS, MAX_TOKENS = 200, 12


def asked(tail: Tail, pictures: list[VisionInput], number: int) -> GenerationJob:
    """The question of this number: always the same; each third is sampled."""
    draw = random.Random(number)
    return GenerationJob(
        tail=tail,
        image=draw.choice(pictures),
        prompt=tail.prompts.build(draw.choice(QUESTIONS)),
        max_tokens=draw.randint(1, MAX_TOKENS),
        sampler=Sampler(1.0, 0.9, number) if number % 3 == 0 else None,
        caller=named(f"device {draw.randrange(5)}"),
    )


async def said(engine: Engine, job: GenerationJob, *, hangs_up_after: int | None = None) -> list[str]:
    pieces: list[str] = []
    with engine.holding(job):
        async for event in job.events():
            if isinstance(event, str):
                pieces.append(event)
            if len(pieces) == hangs_up_after:
                break
    return pieces


def seen(tail: Tail, scenes: list[Pixels]) -> list[VisionInput]:
    """Each picture at a cut, all cuts by turns."""
    found = []
    for pixels, cut in zip(scenes, cycle(tail.cuts), strict=False):
        boundary, grid = tail.preprocess(pixels)
        with torch.inference_mode():
            (reached,) = tail.advance(PICTURE_CUT, cut, [boundary])
        found.append(VisionInput(cut, reached, grid))
    return found


@pytest.mark.slow
async def test_an_answer_does_not_depend_on_who_comes_goes_and_is_spoilt(
    endless: Tail, scenes: list[Pixels]
) -> None:
    pictures = seen(endless, scenes)
    spoilt = VisionInput(PICTURE_CUT, {name: t * torch.nan for name, t in pictures[0].boundary.items()})
    draw, answers = random.Random(0), dict[int, list[str]]()

    async def arrive(engine: Engine, number: int) -> None:
        job = asked(endless, pictures, number)
        if number % 7 == 1:
            job.image = spoilt
            with pytest.raises(PayloadError, match="send the picture instead"):
                await said(engine, job)
        elif number % 7 == 2:
            await said(engine, job, hangs_up_after=draw.randint(1, 3))
        else:
            answers[number] = await said(engine, job)

    async with running(one := Engine(RequestQueue(Scheduler(4), ARRIVALS), EncoderCache(1 << 20))):
        async with asyncio.TaskGroup() as tasks:
            for number in range(ARRIVALS):
                tasks.create_task(arrive(one, number))
                await asyncio.sleep(draw.choice([0, 0, 0, 0.02]))
        assert not one.load().running
        assert len(answers) > ARRIVALS / 2
        for number in np.random.default_rng(0).permutation(sorted(answers))[: ARRIVALS // 4].tolist():
            assert answers[number] == await said(one, asked(endless, pictures, number))
