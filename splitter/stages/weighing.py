"""How each tensor of a cut is taken for coding, and what its errors cost the tail: found once in a split, and
kept.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from splitter.codecs import codecs, fitting, sensitivity
from splitter.codecs.arrangements import nearest
from splitter.codecs.weighed import GroupFisher, Weighed, best
from splitter.evaluate.verify import in_batches
from splitter.stages.tail_from import ASKED, fisher_target, loss, tail_from
from splitter.stages.work import Work

_ASIDE = 0.3  # of the variance, as error, where the gradients are taken
_JUDGED, _AT_ONCE = 64, 16  # pictures that arrangements are judged on


def weigh(work: Work, cut: str, boundary: codecs.Tensors) -> codecs.Weighing:
    """How each tensor is taken and what its errors cost the tail, where a codec asks for it; found once.
    Fitting by it needs no model.
    """
    if not {"fitted", "learned"} & set(work.options.codecs):
        return {}
    place = work.parts.file(
        f"weighed-{cut}.npz",
        lambda path: np.savez(path, **_stored(_weigh(work, cut, boundary))),  # type: ignore[arg-type]
    )
    with np.load(place, allow_pickle=False) as stored:
        return {
            name: Weighed(str(stored[f"arrangement/{name}"]), stored[f"metric/{name}"]) for name in boundary
        }


def _stored(weighed: codecs.Weighing) -> dict[str, object]:
    arrays = [
        {f"arrangement/{name}": one.arrangement, f"metric/{name}": one.metric}
        for name, one in weighed.items()
    ]
    return {key: array for found in arrays for key, array in found.items()}


def _weigh(work: Work, cut: str, boundary: codecs.Tensors) -> codecs.Weighing:
    weighed: dict[str, Weighed] = {}
    for name, fisher in _fishers(work, cut, boundary).items():
        tried = fisher.candidates()
        weighed[name] = _best(work, cut, boundary, name, tried) if fisher.judged else tried[-1]
    return weighed


def _fishers(work: Work, cut: str, boundary: codecs.Tensors) -> dict[str, GroupFisher]:
    # From a little aside: where a model is sure of itself the information is next to nothing, though a larger
    # error would matter.
    first = {name: fitting.coarse(values[:ASKED], _ASIDE) for name, values in boundary.items()}
    groups = {name: nearest(values) for name, values in boundary.items()}
    enter, orders = tail_from(work, cut), {name: order for name, (_, order) in groups.items()}
    at_once = sensitivity.pictures_at_once(enter, fisher_target(work), first, work.whole.model.parameters())
    matrices = sensitivity.metrics(enter, fisher_target(work), first, orders, at_once)
    return {name: GroupFisher(*groups[name], matrix) for name, matrix in matrices.items()}


@torch.no_grad()
def _best(work: Work, cut: str, boundary: codecs.Tensors, name: str, tried: Sequence[Weighed]) -> Weighed:
    """The best way to take a tensor while the others come as they are."""
    count = len(boundary[name])
    begin = count - min(_JUDGED, max(1, count // 2))
    exact = {tensor: torch.from_numpy(values[begin:]) for tensor, values in boundary.items()}
    off, rows = loss(work, cut, exact), range(count - begin)

    def lost(received: fitting.Floats) -> float:
        every = exact | {name: torch.from_numpy(received)}
        parts = [rows[part] for part in in_batches(len(rows), _AT_ONCE)]
        return sum(float(off(_of(every, part), _of(exact, part), part, 0).sum()) for part in parts) / len(
            rows
        )

    return best(tried, boundary[name][:begin], boundary[name][begin:], lost)


def _of(boundary: Mapping[str, torch.Tensor], pictures: Sequence[int]) -> dict[str, torch.Tensor]:
    return {name: values[list(pictures)] for name, values in boundary.items()}
