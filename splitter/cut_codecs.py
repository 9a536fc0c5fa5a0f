"""The codecs of a cut within a split: fitted to the calibration pictures, and to what the tail makes of errors there."""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import torch

from protos import codec as wire
from splitter import codecs, fitting, sensitivity
from splitter.families import enter
from splitter.fitting import Transform
from splitter.learning.distil import Distillation, Likeness, Loss
from splitter.learning.train import Lesson, Level, learn
from splitter.work import Work

_PICTURES = 96  # whose gradients make the metric
_ASIDE = 0.3  # of the variance, as error, where the gradients are taken
_STEPS = 600

Steps = Mapping[str, list[float]]  # by tensor, a level each


def cut_codecs(work: Work, cut: str, boundary: codecs.Tensors) -> list[codecs.Coding]:
    """The codecs that were asked for, from the cut's boundary on the calibration pictures: (pictures, tokens, width) by tensor name."""
    if not {wire.Fitted.name, wire.Learned.name} & set(work.options.codecs):
        return codecs.fit(boundary, kinds=work.options.codecs)
    place = work.parts.file(f"sensitivity-{cut}.npz", lambda path: np.savez(path, **_metrics(work, cut, boundary)))  # type: ignore[arg-type]
    with np.load(place, allow_pickle=False) as stored:
        metrics = dict(stored)
    made = codecs.fit(boundary, metrics, work.options.codecs)
    if wire.Learned.name in work.options.codecs:
        made += _learned(work, cut, boundary, metrics)
    return made


def _metrics(work: Work, cut: str, boundary: codecs.Tensors) -> sensitivity.Metrics:
    # From a little aside: where a model is sure of itself the information is next to nothing, though a larger error would matter.
    first = {name: fitting.coarse(values[:_PICTURES], _ASIDE) for name, values in boundary.items()}
    return sensitivity.metrics(partial(enter, work.whole.family, work.whole.model, cut), _said(work), first)


def _said(work: Work) -> sensitivity.Said:
    if not _speaks(work):
        return sensitivity.Alike()
    asked = _questions(work)
    return sensitivity.Answering(work.speaker, [asked[index % len(asked)] for index in range(_PICTURES)])


def begin(work: Work, cut: str, boundary: codecs.Tensors, metrics: codecs.Metrics) -> tuple[Lesson, dict[str, Transform], Steps]:
    """What the learned codec of a cut learns from, where it starts, which is the fitted one, and the steps of its levels, which stay."""
    whole = codecs.fitted_transforms(boundary, metrics)
    steps = codecs.fitted_steps(whole)
    levels = {name: [one.level(step) for step in steps[name]] for name, one in whole.items()}
    kept = {name: one.kept(levels[name]) for name, one in whole.items()}
    rates = [{name: _rate(levels[name][number].first(*kept[name])) for name in whole} for number in range(len(codecs.DISTORTIONS))]
    lesson = Lesson(boundary, partial(enter, work.whole.family, work.whole.model, cut), _loss(work), rates)
    return lesson, {name: one.first(*kept[name]) for name, one in whole.items()}, steps


def _rate(level: wire.Level) -> Level:
    return Level(level.step, torch.from_numpy((level.which >= 0).astype(np.float32)))


def _learned(work: Work, cut: str, boundary: codecs.Tensors, metrics: codecs.Metrics) -> Iterator[codecs.Transformed]:
    lesson, starts, steps = begin(work, cut, boundary, metrics)
    seconds = 60 * work.options.budget_minutes / len(work.cuts)
    state, advance = work.parts.folder / f"learning-{cut}.safetensors", partial(work.advance, f"learning the codec of {cut}")
    learned = learn(starts, lesson, state, _STEPS, seconds, advance)
    work.say(f"{cut}: learning took loss and bits on held-out pictures to {learned.after:.2f} of the fitted codec's")
    return codecs.levels(wire.Learned.name, learned.transforms, steps)


def _loss(work: Work) -> Loss:
    if not _speaks(work):
        return Likeness(work.calibration_tokens)
    return Distillation(work.speaker, work.calibration_tokens, _questions(work))


def _speaks(work: Work) -> bool:
    return not work.matcher and work.with_language


def _questions(work: Work) -> list[str]:
    return list(dict.fromkeys(question.text for _, question in work.subject.questions))
