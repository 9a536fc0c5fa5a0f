"""The codecs of one cut: weighed and fitted on calibration pictures, and learned where that was asked for."""

import time
from collections.abc import Iterable, Mapping
from functools import partial

from splitter.codecs import codecs
from splitter.codecs.arrays import Tensors
from splitter.codecs.codecs import Weighing
from splitter.codecs.fitting import Transform
from splitter.codecs.learning.sender import sender_graph
from splitter.codecs.learning.train import Learned, learn
from splitter.codecs.learning.training_set import training_set, with_further
from splitter.codecs.tail_from import CutTail
from splitter.codecs.weighing import load_weighing, save_weighing, weighing
from splitter.stages.run import Run

_STEPS = 20_000
_LOOKING = 0.25  # of the budget may go by until all pictures to learn from are seen


def weigh(run: Run, tail: CutTail, boundary: Tensors) -> Weighing:
    """How each tensor is taken and what its errors cost the tail, where a codec asks for it; found once.
    Fitting by it needs no model.
    """
    if not {"fitted", "learned"} & set(run.options.codecs):
        return {}
    return load_weighing(
        run.parts.file(f"weighed-{tail.cut}.npz", lambda path: save_weighing(weighing(tail, boundary), path))
    )


def cut_codecs(
    run: Run,
    tail: CutTail,
    boundary: Tensors,
    weighed: Weighing,
    further: Iterable[Tensors] | None = None,
    share: float = 1.0,
) -> list[codecs.Coding]:
    """The codecs that were asked for, from the cut's boundary on the calibration pictures: (pictures, tokens,
    width) by tensor name.

    `further`: the boundary of other pictures, some at a time. A learned codec learns from those too, for this
    `share` of the budget; without it none does. Its levels begin where the fitted codec's end, so that one
    comes with it.
    """
    learns = "learned" in run.options.codecs
    kinds = [*run.options.codecs, *(["fitted"] if learns else [])]
    transforms = codecs.fitted_transforms(boundary, weighed) if "fitted" in kinds else {}
    made = codecs.fit(boundary, transforms, kinds)
    if learns and further is not None:
        return [*made, *learned_codec(run, tail, boundary, transforms, further, share)]
    return made


def learned_codec(
    run: Run,
    tail: CutTail,
    boundary: Tensors,
    fitted: Mapping[str, Transform],
    further: Iterable[Tensors],
    share: float,
) -> list[codecs.Transformed]:
    """The levels of the learned codec; none where learning did not help. `share` of the budget is this
    cut's.
    """
    done = run.parts.file(
        f"learned-{tail.cut}.safetensors",
        lambda place: _learn(run, tail, boundary, fitted, further, share).save(place),
    )
    # again: while it learned, this and the one with the further pictures were too many
    known = training_set(tail, boundary, fitted)
    found = Learned.load(done, known)
    run.say(_outcome(tail.cut, found))
    if not found.helped:
        return []
    transforms = found.transforms(boundary)
    return list(codecs.levels("learned", transforms, known.steps, lambda: sender_graph(transforms)))


def _learn(
    run: Run,
    tail: CutTail,
    boundary: Tensors,
    fitted: Mapping[str, Transform],
    further: Iterable[Tensors],
    share: float,
) -> Learned:
    seconds = 60 * run.options.budget_minutes * share
    known = with_further(training_set(tail, boundary, fitted), further, time.monotonic() + _LOOKING * seconds)
    pictures = len(next(iter(known.boundary.values())))
    run.say(f"{tail.cut}: learning from {pictures} pictures for {seconds / 60:.1f} minutes")
    state = run.parts.folder / f"learning-{tail.cut}.safetensors"
    advance = partial(run.advance, f"learning the codec of {tail.cut}")
    return learn(known, state, _STEPS, (1 - _LOOKING) * seconds, advance)


def _outcome(cut: str, found: Learned) -> str:
    levels = ", ".join(f"{lost:.2f} x {bits:.2f}" for lost, bits in found.left)
    kept = "kept" if found.helped else "the fitted one alone is kept"
    return (
        f"{cut}: learning took loss x bits on held-out pictures to {levels} of the fitted transform's, "
        f"level by level: {kept}"
    )
