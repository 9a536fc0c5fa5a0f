"""The codecs of a cut within a split: fitted to the calibration pictures, and to what the tail makes of errors there."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import torch

from protos import codec as wire
from splitter.coding import codecs, fitting, sensitivity
from splitter.coding.learning.distil import Distillation, Likeness
from splitter.coding.learning.train import Lesson, Level, Loss, learn
from splitter.families import enter
from splitter.work import Work

_PICTURES = 96  # whose gradients make the metric
_ASIDE = 0.3  # of the variance, as error, where the gradients are taken
_STEPS = 1500

Steps = Mapping[str, list[float]]  # by tensor, a level each


def cut_codecs(work: Work, cut: str, boundary: codecs.Tensors, weighed: codecs.Metrics) -> list[codecs.Coding]:
    """The codecs that were asked for, from the cut's boundary on the calibration pictures: (pictures, tokens, width) by tensor name."""
    made = codecs.fit(boundary, weighed, work.options.codecs)
    if wire.Learned.name in work.options.codecs:
        made += _learned(work, cut, boundary, weighed)
    return made


def metrics(work: Work, cut: str, boundary: codecs.Tensors) -> codecs.Metrics:
    """What a small error of each tensor costs the tail, where a codec asks for it; measured once. Fitting by it needs no model."""
    if not {wire.Fitted.name, wire.Learned.name} & set(work.options.codecs):
        return {}
    place = work.parts.file(f"sensitivity-{cut}.npz", lambda path: np.savez(path, **_metrics(work, cut, boundary)))  # type: ignore[arg-type]
    with np.load(place, allow_pickle=False) as stored:
        return dict(stored)


def _metrics(work: Work, cut: str, boundary: codecs.Tensors) -> sensitivity.Metrics:
    # From a little aside: where a model is sure of itself the information is next to nothing, though a larger error would matter.
    first = {name: fitting.coarse(values[:_PICTURES], _ASIDE) for name, values in boundary.items()}
    behind = partial(enter, work.whole.family, work.whole.model, cut)
    at_once = sensitivity.pictures_at_once(behind, _said(work), first, work.whole.model.parameters())
    return sensitivity.metrics(behind, _said(work), first, at_once)


def _said(work: Work) -> sensitivity.Said:
    if not _speaks(work):
        return sensitivity.Alike()
    asked = _questions(work)
    return sensitivity.Answering(work.speaker, [asked[index % len(asked)] for index in range(_PICTURES)])


def begin(work: Work, cut: str, boundary: codecs.Tensors, metrics: codecs.Metrics) -> tuple[Lesson, Steps]:
    """What the learned codec of a cut learns from, which begins with the fitted one, and the steps of its levels."""
    whole = codecs.fitted_transforms(boundary, metrics)
    steps = codecs.fitted_steps(whole)
    levels = {name: [one.level(step) for step in steps[name]] for name, one in whole.items()}
    kept = {name: one.kept(levels[name]) for name, one in whole.items()}
    rates = [{name: _rate(levels[name][number].first(*kept[name])) for name in whole} for number in range(len(codecs.DISTORTIONS))]
    starts = {name: one.first(*kept[name]) for name, one in whole.items()}
    return Lesson(starts, rates, _loss(work, cut, len(next(iter(boundary.values()))))), steps


def _rate(level: wire.Level) -> Level:
    return Level(level.step, torch.from_numpy((level.which >= 0).astype(np.float32)))


def _learned(work: Work, cut: str, boundary: codecs.Tensors, metrics: codecs.Metrics) -> Iterator[codecs.Transformed]:
    lesson, steps = begin(work, cut, boundary, metrics)
    seconds = 60 * work.options.budget_minutes / len(work.cuts)
    state, advance = work.parts.folder / f"learning-{cut}.safetensors", partial(work.advance, f"learning the codec of {cut}")
    learned = learn(lesson, state, _STEPS, seconds, advance)
    told = ", ".join(f"{part:.2f}" for part in learned.left)
    kept = "kept" if learned.helped else "the fitted one is kept"
    work.say(f"{cut}: learning took the loss on held-out pictures to {told} of the fitted codec's, level by level: {kept}")
    return codecs.levels(wire.Learned.name, learned.transforms, steps)


def _loss(work: Work, cut: str, pictures: int) -> Loss:
    behind, wanted = partial(enter, work.whole.family, work.whole.model, cut), work.calibration_tokens[:pictures]
    if not _speaks(work):
        return Likeness(behind, wanted)
    return Distillation(work.speaker, behind, wanted, _questions(work))


def _speaks(work: Work) -> bool:
    return not work.matcher and work.with_language


def _questions(work: Work) -> list[str]:
    return list(dict.fromkeys(question.text for _, question in work.subject.questions))
