"""Pictures from one cut to another."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cloud.models.interfaces import EmbeddingModel, VisionModel
from protos.arrays import Floats
from splitter.families import Boundary


class Reached(NamedTuple):
    """Pictures at the cut that they were taken to. The last two are empty unless that is the last cut."""

    seconds: float
    boundaries: Sequence[Boundary]  # at the last cut one tensor each, the image tokens (tiles, tokens, width)
    finite: Sequence[bool] = ()  # whether these are numbers
    embeddings: Sequence[Floats] = ()  # of a dual encoder's pictures (width), not of length 1


@torch.inference_mode()
def advance(
    model: VisionModel, cut: str, until: str, pictures: Sequence[Mapping[str, Tensor]], kept: Sequence[bool]
) -> Reached:
    """Take pictures at one cut to a later one. `kept`: of which of them the image tokens are remembered."""
    model.use_threads()
    began = time.monotonic()
    boundaries = [dict(boundary) for boundary in model.advance(cut, until, pictures)]
    if until != model.cuts[-1]:
        _synchronize(boundaries[0])
        return Reached(time.monotonic() - began, boundaries)
    tokens = [next(iter(boundary.values())) for boundary in boundaries]
    finite = torch.stack([own.isfinite().all() for own in tokens]).tolist()
    embeddings = [_embedding(own) for own in tokens] if _embeds(model) else []
    own = [
        {name: tensor.clone() if keep else tensor for name, tensor in boundary.items()}
        for boundary, keep in zip(boundaries, kept, strict=True)  # a part of a batch keeps it all alive
    ]
    _synchronize(own[0])
    return Reached(time.monotonic() - began, own, finite, embeddings)


def _embeds(model: VisionModel | EmbeddingModel) -> bool:
    return hasattr(model, "matching")


def _embedding(tokens: Tensor) -> Floats:
    embedding: Floats = tokens[0, 0].float().cpu().numpy().copy()
    return embedding


def _synchronize(boundary: Mapping[str, Tensor]) -> None:
    """Wait for a GPU, which works asynchronously, so that the time is true."""
    tensor = next(iter(boundary.values()))
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
