"""Pictures from one cut to another, for all jobs that stand at the same one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from cloud.engine.job import Job, VisionInput
from cloud.runner.executor import Executor
from cloud.runner.vision import Reached, advance
from protos.arrays import Floats


@dataclass(frozen=True)
class Advanced:
    """A job's picture at the cut that it has come to."""

    job: Job
    image: VisionInput
    image_tokens: Tensor | None = None  # (tiles, tokens, width), where that is the last cut
    embedding: Floats | None = None  # (width), where a dual encoder made it
    finite: bool = True  # whether these are numbers


async def advance_images(executor: Executor, jobs: Sequence[Job], left: int) -> Sequence[Advanced]:
    """Take the pictures of jobs of one place to the cut where so many segments are left. Jobs of texts only
    have none.
    """
    tail, inputs = jobs[0].tail, [(job, job.unencoded) for job in jobs if job.unencoded]
    if not inputs:
        return []
    until, images = tail.cuts[len(tail.cuts) - 1 - left], [image for _, image in inputs]
    boundaries, kept = [image.boundary for image in images], [bool(image.owner) for image in images]
    reached = Reached(*await executor.run(advance, tail, images[0].at, until, boundaries, kept))
    for job in jobs:
        job.stages.tail += 1000 * reached.seconds
    advanced = [
        Advanced(job, replace(image, boundary=boundary, reached=until))
        for (job, image), boundary in zip(inputs, reached.boundaries, strict=True)
    ]
    return advanced if left else _encoded(advanced, reached)


def _encoded(advanced: Sequence[Advanced], reached: Reached) -> list[Advanced]:
    """The same at the last cut, where a boundary is one tensor: the image tokens."""
    embeddings: Sequence[Floats | None] = reached.embeddings or [None] * len(advanced)
    return [
        Advanced(
            picture.job,
            replace(picture.image, boundary={}),
            next(iter(picture.image.boundary.values())),
            embedding,
            finite,
        )
        for picture, embedding, finite in zip(advanced, embeddings, reached.finite, strict=True)
    ]
