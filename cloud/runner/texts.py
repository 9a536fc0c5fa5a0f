"""Texts of a dual encoder, embedded."""

import time
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

import torch

from cloud.models.interfaces import EmbeddingModel
from protos.arrays import Floats

MAX_TEXTS = 8  # that the text tower reads in one step; other requests have their turn before the next


class Embedded(NamedTuple):
    """Texts, and of each the embedding (width) of length 1."""

    seconds: float
    texts: Sequence[str]
    rows: Sequence[Floats]


@torch.inference_mode()
def embed(model: EmbeddingModel, missing: Sequence[Sequence[str]]) -> Embedded:
    """Of the texts that each of some jobs misses those that the model has read before, and the next ones."""
    began = time.monotonic()
    model.use_threads()
    found = model.cached_texts(dict.fromkeys(chain.from_iterable(missing)))
    if new := _next_texts([[text for text in texts if text not in found] for texts in missing]):
        found |= dict(zip(new, model.embed_texts(new), strict=True))
    return Embedded(time.monotonic() - began, list(found), list(found.values()))


def _next_texts(missing: Sequence[Sequence[str]]) -> list[str]:
    """The next texts of all jobs in turns, so that a short request does not wait for a long one."""
    texts: dict[str, None] = {}
    for text in chain.from_iterable(zip_longest(*missing)):
        if text is not None:
            texts[text] = None
        if len(texts) == MAX_TEXTS:
            break
    return list(texts)
