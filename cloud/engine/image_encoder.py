"""From the cut to the image tokens, for all jobs that join together."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cloud.engine.job import Job, VisionInput, milliseconds_since
from protos.pictures.tiles import spans


@dataclass(frozen=True)
class EncodedImages:
    """Pictures of one bundle, and their image tokens."""

    bundle: str
    inputs: Sequence[VisionInput]
    tokens: Tensor  # (tiles of all pictures, tokens, width)
    finite: Sequence[bool] = ()  # of each tile: whether all its tokens are numbers

    def spoilt(self) -> Iterator[bool]:
        """Of each picture whether the model makes no number of it."""
        for tiles in spans(image.grid for image in self.inputs):
            yield not all(self.finite[tiles])

    def by_picture(self) -> Iterator[tuple[VisionInput, Tensor]]:
        """Each picture with its image tokens (tiles, tokens, width)."""
        for image, tiles in zip(self.inputs, spans(image.grid for image in self.inputs), strict=True):
            yield image, self.tokens[tiles]


@torch.inference_mode()
def encode_images(jobs: Sequence[Job]) -> EncodedImages:
    """Encode the pictures of jobs of one place, on the worker thread. Jobs of texts only have none."""
    tail, inputs = jobs[0].tail, [job.unencoded for job in jobs if job.unencoded]
    if not inputs:
        return EncodedImages(tail.digest, [], torch.empty(0))
    start = time.monotonic()
    tokens = tail.enter(inputs[0].cut, [image.boundary for image in inputs])
    finite = tokens.isfinite().flatten(1).all(1).tolist()
    _synchronize(tokens)
    milliseconds = milliseconds_since(start)
    for job in jobs:
        job.stages.tail = milliseconds
    return EncodedImages(tail.digest, inputs, tokens, finite)


def _synchronize(tensor: Tensor) -> None:
    """Wait for a GPU, which works asynchronously, so that the stage times are true."""
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
