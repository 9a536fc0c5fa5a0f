"""The codecs of a cut within a split: fitted to the calibration pictures, and to what the tail makes of errors there."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from protos import codec as wire
from splitter.coding import codecs, fitting, sensitivity
from splitter.coding.arrangements import nearest
from splitter.coding.learning.distil import Distillation, Enter, Likeness
from splitter.coding.learning.network import sender_graph
from splitter.coding.learning.train import Lesson, Level, Loss, learn
from splitter.coding.weighed import Fisher, Weighed, best
from splitter.families import enter
from splitter.measuring.verify import in_batches
from splitter.work import Work

_PICTURES = 192  # whose gradients make the metric
_ASIDE = 0.3  # of the variance, as error, where the gradients are taken
_JUDGED, _AT_ONCE = 64, 16  # pictures that arrangements are judged on
_STEPS = 3000
_MOST_HALF = 3e4  # in two bytes a number
_MOST_LEARNED = 400 << 20  # bytes of the boundaries that a codec learns from

Steps = Mapping[str, list[float]]  # by tensor, a level each


def cut_codecs(
    work: Work, cut: str, boundary: codecs.Tensors, weighed: codecs.Weighing, further: Iterable[codecs.Tensors] | None = None
) -> list[codecs.Coding]:
    """The codecs that were asked for, from the cut's boundary on the calibration pictures: (pictures, tokens, width) by tensor name.

    `further`: the boundary of other views of the same pictures in the same order, over and over, or of other pictures; some at a time.
    A learned codec learns from those too. Without it none does, and the fitted one stands in its place.
    """
    kinds = list(work.options.codecs)
    asked = wire.Learned.name in kinds
    learned = _learned(work, cut, boundary, weighed, further) if asked and further is not None else []
    if asked and not learned:
        kinds.append(wire.Fitted.name)
    return [*codecs.fit(boundary, weighed, kinds), *learned]


def weigh(work: Work, cut: str, boundary: codecs.Tensors) -> codecs.Weighing:
    """How each tensor is taken and what its errors cost the tail, where a codec asks for it; found once. Fitting by it needs no model."""
    if not {wire.Fitted.name, wire.Learned.name} & set(work.options.codecs):
        return {}
    place = work.parts.file(f"weighed-{cut}.npz", lambda path: np.savez(path, **_stored(_weigh(work, cut, boundary))))  # type: ignore[arg-type]
    with np.load(place, allow_pickle=False) as stored:
        return {name: Weighed(str(stored[f"arrangement/{name}"]), stored[f"metric/{name}"]) for name in boundary}


def _stored(weighed: codecs.Weighing) -> dict[str, object]:
    arrays = [{f"arrangement/{name}": one.arrangement, f"metric/{name}": one.metric} for name, one in weighed.items()]
    return {key: array for found in arrays for key, array in found.items()}


def _weigh(work: Work, cut: str, boundary: codecs.Tensors) -> codecs.Weighing:
    weighed: dict[str, Weighed] = {}
    for name, fisher in _fishers(work, cut, boundary).items():
        tried = fisher.candidates()
        weighed[name] = _best(work, cut, boundary, name, tried) if fisher.judged else tried[-1]
    return weighed


def _fishers(work: Work, cut: str, boundary: codecs.Tensors) -> dict[str, Fisher]:
    # From a little aside: where a model is sure of itself the information is next to nothing, though a larger error would matter.
    first = {name: fitting.coarse(values[:_PICTURES], _ASIDE) for name, values in boundary.items()}
    groups = {name: nearest(values) for name, values in boundary.items()}
    behind, orders = _behind(work, cut), {name: order for name, (_, order) in groups.items()}
    at_once = sensitivity.pictures_at_once(behind, _said(work), first, work.whole.model.parameters())
    matrices = sensitivity.metrics(behind, _said(work), first, orders, at_once)
    return {name: Fisher(*groups[name], matrix) for name, matrix in matrices.items()}


@torch.no_grad()
def _best(work: Work, cut: str, boundary: codecs.Tensors, name: str, tried: Sequence[Weighed]) -> Weighed:
    """The best way to take a tensor while the others come as they are."""
    count = len(boundary[name])
    begin = count - min(_JUDGED, max(1, count // 2))
    exact = {tensor: torch.from_numpy(values[begin:]) for tensor, values in boundary.items()}
    loss, rows = _loss(work, cut, exact), range(count - begin)

    def lost(received: fitting.Floats) -> float:
        every = exact | {name: torch.from_numpy(received)}
        parts = [rows[part] for part in in_batches(len(rows), _AT_ONCE)]
        return sum(len(part) * float(loss(_of(every, part), _of(exact, part), part, 0)) for part in parts) / len(rows)

    return best(tried, boundary[name][:begin], boundary[name][begin:], lost)


def _of(boundary: Mapping[str, torch.Tensor], pictures: Sequence[int]) -> dict[str, torch.Tensor]:
    return {name: values[list(pictures)] for name, values in boundary.items()}


def _behind(work: Work, cut: str) -> Enter:
    return partial(enter, work.whole.family, work.whole.model, cut)


def _said(work: Work) -> sensitivity.Said:
    if not _speaks(work):
        return sensitivity.Alike()
    asked = _questions(work)
    return sensitivity.Answering(work.speaker, [asked[index % len(asked)] for index in range(_PICTURES)])


def begin(
    work: Work, cut: str, boundary: codecs.Tensors, weighed: codecs.Weighing, further: Iterable[codecs.Tensors] = ()
) -> tuple[Lesson, Steps]:
    """What the learned codec of a cut learns from, which begins with the fitted one, and the steps of its levels."""
    whole = codecs.fitted_transforms(boundary, weighed)
    steps = codecs.fitted_steps(whole)
    levels = {name: [one.level(step) for step in steps[name]] for name, one in whole.items()}
    kept = {name: one.kept(levels[name]) for name, one in whole.items()}
    rates = [{name: _rate(levels[name][number].first(*kept[name])) for name in whole} for number in range(len(codecs.DISTORTIONS))]
    starts = {name: one.first(*kept[name]) for name, one in whole.items()}
    some = {name: torch.from_numpy(values[:_AT_ONCE]) for name, values in boundary.items()}
    said, behind, weights = _said(work), _behind(work, cut), work.whole.model.parameters()
    at_once = sensitivity.pictures_at_once(behind, said, {name: values[:1] for name, values in boundary.items()}, weights)
    every = {name: np.concatenate(parts) for name, parts in _as_many_as_fit(boundary, further).items()}
    return Lesson(starts, rates, every, len(next(iter(boundary.values()))), _loss(work, cut, some), at_once), steps


def _as_many_as_fit(boundary: codecs.Tensors, further: Iterable[codecs.Tensors]) -> dict[str, list[NDArray[np.floating]]]:
    """The boundaries in two bytes a number, unless numbers are too large for that, of as many pictures as have room in memory."""
    kinds = {name: np.float16 if np.abs(values).max() < _MOST_HALF else np.float32 for name, values in boundary.items()}
    parts: dict[str, list[NDArray[np.floating]]] = {name: [values.astype(kinds[name])] for name, values in boundary.items()}
    for taken in further:
        for name, values in taken.items():
            parts[name].append(values.clip(-_MOST_HALF, _MOST_HALF).astype(kinds[name]))
        if sum(values.nbytes for arrays in parts.values() for values in arrays) > _MOST_LEARNED:
            break
    return parts


def _rate(level: wire.Level) -> Level:
    return Level(level.step, torch.from_numpy((level.which >= 0).astype(np.float32)))


def _learned(
    work: Work, cut: str, boundary: codecs.Tensors, weighed: codecs.Weighing, further: Iterable[codecs.Tensors]
) -> list[codecs.Transformed]:
    """The levels of the learned codec; none where learning did not help."""
    lesson, steps = begin(work, cut, boundary, weighed, further)
    seconds = 60 * work.options.budget_minutes / len(work.cuts)
    state, advance = work.parts.folder / f"learning-{cut}.safetensors", partial(work.advance, f"learning the codec of {cut}")
    learned = learn(lesson, state, _STEPS, seconds, advance)
    told = ", ".join(f"{loss:.2f} x {bits:.2f}" for loss, bits in learned.left)
    kept = "kept" if learned.helped else "the fitted one is kept"
    work.say(f"{cut}: learning took loss x bits on held-out pictures to {told} of the fitted codec's, level by level: {kept}")
    if not learned.helped:
        return []
    transforms = learned.transforms(boundary)
    return list(codecs.levels(wire.Learned.name, transforms, steps, lambda: sender_graph(transforms)))


def _loss(work: Work, cut: str, some: dict[str, torch.Tensor]) -> Loss:
    """How far answers are from those to the boundary itself, that of some pictures for the scale."""
    likeness = Likeness(_behind(work, cut), some)
    return Distillation(work.speaker, likeness, _questions(work)) if _speaks(work) else likeness


def _speaks(work: Work) -> bool:
    return not work.matcher and work.with_language


def _questions(work: Work) -> list[str]:
    return list(dict.fromkeys(question.text for _, question in work.subject.questions))
