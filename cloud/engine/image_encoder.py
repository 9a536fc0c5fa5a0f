"""Pictures from one cut to another, for all jobs that stand at the same one."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cloud.engine.job import Job, VisionInput, milliseconds_since


@dataclass(frozen=True)
class Advanced:
    """A job's picture at the cut that it has come to."""

    job: Job
    image: VisionInput
    image_tokens: Tensor | None = None  # (tiles, tokens, width), where that is the last cut
    finite: bool = True  # whether these are numbers


@torch.inference_mode()
def advance_images(jobs: Sequence[Job], left: int) -> Sequence[Advanced]:
    """Take the pictures of jobs of one place to the cut where so many segments are left, on the worker
    thread. Jobs of texts only have none.
    """
    tail, inputs = jobs[0].tail, [(job, job.unencoded) for job in jobs if job.unencoded]
    if not inputs:
        return []
    tail.use_threads()
    start, until = time.monotonic(), tail.cuts[len(tail.cuts) - 1 - left]
    boundaries = tail.advance(inputs[0][1].at, until, [image.boundary for _, image in inputs])
    advanced = [
        Advanced(job, replace(image, boundary=boundary, reached=until))
        for (job, image), boundary in zip(inputs, boundaries, strict=True)
    ]
    if not left:
        advanced = _encoded(advanced)
    _synchronize(next(iter(boundaries[0].values())))
    milliseconds = milliseconds_since(start)
    for job in jobs:
        job.stages.tail += milliseconds
    return advanced


def _encoded(advanced: Sequence[Advanced]) -> list[Advanced]:
    """The same at the last cut, where a boundary is one tensor: the image tokens."""
    tokens = [next(iter(picture.image.boundary.values())) for picture in advanced]
    finite = torch.stack([own.isfinite().all() for own in tokens]).tolist()
    return [
        Advanced(picture.job, replace(picture.image, boundary={}), own, numbers)
        for picture, own, numbers in zip(advanced, tokens, finite, strict=True)
    ]


def _synchronize(tensor: Tensor) -> None:
    """Wait for a GPU, which works asynchronously, so that the stage times are true."""
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
