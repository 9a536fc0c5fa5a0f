"""The learned codec: the fitted transform with a small network on each side, trained within a budget."""

import time
from collections.abc import Mapping
from functools import partial

from splitter.codecs.arrays import Tensors
from splitter.codecs.fitting import Transform
from splitter.codecs.kind import Calibration, CodecKind, Learning
from splitter.codecs.learning.sender import sender_graph
from splitter.codecs.learning.train import Learned, learn
from splitter.codecs.learning.training_set import training_set, with_further
from splitter.codecs.levels import Transformed, levels
from splitter.codecs.tail_from import CutTail

_STEPS = 20_000
_GATHERING = 0.25  # of the budget may go by until all pictures to learn from are seen


class LearnedKind(CodecKind):
    """Its levels begin where the fitted codec's end, so that one comes with it."""

    name, rank, requires, weighs = "learned", 3, ("fitted",), True

    @classmethod
    def fit(cls, calibration: Calibration) -> list[Transformed]:
        if calibration.learning is None or calibration.tail is None:
            return []
        return learned_codec(
            calibration.learning, calibration.tail, calibration.boundary, calibration.transforms
        )


def learned_codec(
    learning: Learning, tail: CutTail, boundary: Tensors, fitted: Mapping[str, Transform]
) -> list[Transformed]:
    """The levels of the learned codec; none where learning did not help."""
    done = learning.parts.file(
        f"learned-{tail.cut}.safetensors",
        lambda place: _learn(learning, tail, boundary, fitted).save(place),
    )
    # again: while it learned, this and the one with the further pictures were too many
    known = training_set(tail, boundary, fitted)
    found = Learned.load(done, known)
    learning.say(_outcome(tail.cut, found))
    if not found.improved:
        return []
    transforms = found.transforms(boundary)
    return list(levels(LearnedKind.name, transforms, known.steps, lambda: sender_graph(transforms)))


def _learn(learning: Learning, tail: CutTail, boundary: Tensors, fitted: Mapping[str, Transform]) -> Learned:
    seconds, until = learning.seconds, time.monotonic() + _GATHERING * learning.seconds
    known = with_further(training_set(tail, boundary, fitted), learning.further, until)
    pictures = len(next(iter(known.boundary.values())))
    learning.say(f"{tail.cut}: learning from {pictures} pictures for {seconds / 60:.1f} minutes")
    state = learning.parts.folder / f"learning-{tail.cut}.safetensors"
    advance = partial(learning.advance, f"learning the codec of {tail.cut}")
    return learn(known, state, _STEPS, (1 - _GATHERING) * seconds, advance)


def _outcome(cut: str, found: Learned) -> str:
    losses = ", ".join(f"{lost:.2f} x {bits:.2f}" for lost, bits in found.left)
    kept = "kept" if found.improved else "the fitted one alone is kept"
    return (
        f"{cut}: learning took loss x bits on held-out pictures to {losses} of the fitted transform's, "
        f"level by level: {kept}"
    )
