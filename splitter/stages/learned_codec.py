"""The learned codec of a cut within a split: what it learns from, and whether it helped."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from splitter.codecs import codecs
from splitter.codecs.fitting import Transform
from splitter.codecs.learning.network import sender_graph
from splitter.codecs.learning.train import Learned, TrainingSet, learn
from splitter.codecs.sensitivity import pictures_at_once
from splitter.stages.tail_from import fisher_target, loss, tail_from
from splitter.stages.work import Work

_STEPS = 20_000
_AT_ONCE = 16
_LOOKING = 0.25  # of the budget may go by until all pictures to learn from are seen
_MAX_HALF = 3e4  # in two bytes a number
_MAX_LEARNED = 768 << 20  # bytes of the boundaries that a codec learns from


def begin(work: Work, cut: str, boundary: codecs.Tensors, fitted: Mapping[str, Transform]) -> TrainingSet:
    """What the learned codec of a cut learns from. It begins with the fitted one's transforms, as far as its
    finest level sends them.
    """
    steps = codecs.steps_of(fitted, codecs.LEARNED_DISTORTIONS)
    starts = {name: one.first(*one.kept([one.level(steps[name][0])])) for name, one in fitted.items()}
    some = {name: torch.from_numpy(values[:_AT_ONCE]) for name, values in boundary.items()}
    one = {name: values[:1] for name, values in boundary.items()}
    at_once = pictures_at_once(tail_from(work, cut), fisher_target(work), one, work.whole.model.parameters())
    kept: dict[str, NDArray[np.floating]]
    kept = {
        name: values.astype(np.float16 if np.abs(values).max() < _MAX_HALF else np.float32)
        for name, values in boundary.items()
    }
    return TrainingSet(
        starts, steps, kept, len(next(iter(boundary.values()))), loss(work, cut, some), at_once
    )


def with_further(
    training_set: TrainingSet, further: Iterable[codecs.Tensors], until: float = np.inf
) -> TrainingSet:
    """The same with the boundary of other pictures, some at a time: as many as have room in memory, and come
    before the moment `until`.
    """
    parts = {name: [values] for name, values in training_set.boundary.items()}
    for taken in further:
        for name, values in taken.items():
            kind = parts[name][0].dtype
            parts[name].append(
                (values.clip(-_MAX_HALF, _MAX_HALF) if kind == np.float16 else values).astype(kind)
            )
        if (
            time.monotonic() > until
            or sum(values.nbytes for arrays in parts.values() for values in arrays) > _MAX_LEARNED
        ):
            break
    return replace(training_set, boundary={name: np.concatenate(arrays) for name, arrays in parts.items()})


def learned(
    work: Work,
    cut: str,
    boundary: codecs.Tensors,
    fitted: Mapping[str, Transform],
    further: Iterable[codecs.Tensors],
    share: float,
) -> list[codecs.Transformed]:
    """The levels of the learned codec; none where learning did not help. `share` of the budget is this
    cut's.
    """
    done = work.parts.file(
        f"learned-{cut}.safetensors",
        lambda place: _learn(work, cut, boundary, fitted, further, share).save(place),
    )
    training_set = begin(
        work, cut, boundary, fitted
    )  # again: while it learned, this and the one with the further pictures were too many
    found = Learned.load(done, training_set)
    told = ", ".join(f"{lost:.2f} x {bits:.2f}" for lost, bits in found.left)
    kept = "kept" if found.helped else "the fitted one alone is kept"
    work.say(
        f"{cut}: learning took loss x bits on held-out pictures to {told} of the fitted transform's, "
        "level "
        f"by level: {kept}"
    )
    if not found.helped:
        return []
    transforms = found.transforms(boundary)
    return list(codecs.levels("learned", transforms, training_set.steps, lambda: sender_graph(transforms)))


def _learn(
    work: Work,
    cut: str,
    boundary: codecs.Tensors,
    fitted: Mapping[str, Transform],
    further: Iterable[codecs.Tensors],
    share: float,
) -> Learned:
    seconds = 60 * work.options.budget_minutes * share
    training_set = with_further(
        begin(work, cut, boundary, fitted), further, time.monotonic() + _LOOKING * seconds
    )
    work.say(
        f"{cut}: learning from {len(next(iter(training_set.boundary.values())))} pictures for "
        f"{seconds / 60:.1f} "
        "minutes"
    )
    state, advance = (
        work.parts.folder / f"learning-{cut}.safetensors",
        partial(work.advance, f"learning the codec of {cut}"),
    )
    return learn(training_set, state, _STEPS, (1 - _LOOKING) * seconds, advance)
