"""How each tensor of a cut is taken for coding, and what its errors cost the tail."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from splitter.codecs import fitting, sensitivity
from splitter.codecs.arrangements import nearest
from splitter.codecs.arrays import Floats, Tensors
from splitter.codecs.levels import Weighing
from splitter.codecs.tail_from import ASKED, CutTail
from splitter.codecs.weighed import GroupFisher, Weighed, best
from splitter.evaluate.verify import in_batches

_ASIDE = 0.3  # of the variance, as error, where the gradients are taken
_JUDGED, _AT_ONCE = 64, 16  # pictures that arrangements are judged on


def weighing(tail: CutTail, boundary: Tensors) -> Weighing:
    """The best way to take each tensor, found by trying each through the tail."""
    weighed: dict[str, Weighed] = {}
    for name, fisher in _fishers(tail, boundary).items():
        tried = fisher.candidates()
        weighed[name] = _best(tail, boundary, name, tried) if fisher.judged else tried[-1]
    return weighed


def save_weighing(weighed: Weighing, place: Path) -> None:
    """Into a file of arrays."""
    arrays = {f"arrangement/{name}": np.asarray(one.arrangement) for name, one in weighed.items()}
    metrics = {f"metric/{name}": np.asarray(one.metric) for name, one in weighed.items()}
    np.savez(place, **arrays, **metrics)  # type: ignore[arg-type] # numpy's stub takes the names for allow_pickle


def load_weighing(place: Path) -> Weighing:
    """What `save_weighing` kept."""
    with np.load(place, allow_pickle=False) as stored:
        names = [key.removeprefix("metric/") for key in stored.files if key.startswith("metric/")]
        return {name: Weighed(str(stored[f"arrangement/{name}"]), stored[f"metric/{name}"]) for name in names}


def _fishers(tail: CutTail, boundary: Tensors) -> dict[str, GroupFisher]:
    # From a little aside: where a model is sure of itself the information is next to nothing, though a larger
    # error would matter.
    first = {name: fitting.coarse(values[:ASKED], _ASIDE) for name, values in boundary.items()}
    groups = {name: nearest(values) for name, values in boundary.items()}
    orders = {name: order for name, (_, order) in groups.items()}
    at_once = sensitivity.pictures_at_once(tail.enter, tail.fisher_target(), first, tail.weights)
    matrices = sensitivity.metrics(tail.enter, tail.fisher_target(), first, orders, at_once)
    return {name: GroupFisher(*groups[name], matrix) for name, matrix in matrices.items()}


@torch.no_grad()
def _best(tail: CutTail, boundary: Tensors, name: str, tried: Sequence[Weighed]) -> Weighed:
    """The best way to take a tensor while the others come as they are."""
    count = len(boundary[name])
    begin = count - min(_JUDGED, max(1, count // 2))
    exact = {tensor: torch.from_numpy(values[begin:]) for tensor, values in boundary.items()}
    loss, rows = tail.loss(exact), range(count - begin)

    def lost(received: Floats) -> float:
        every = exact | {name: torch.from_numpy(received)}
        parts = [rows[part] for part in in_batches(len(rows), _AT_ONCE)]
        total = sum(float(loss(_of(every, part), _of(exact, part), part, 0).sum()) for part in parts)
        return total / len(rows)

    return best(tried, boundary[name][:begin], boundary[name][begin:], lost)


def _of(boundary: Mapping[str, torch.Tensor], pictures: Sequence[int]) -> dict[str, torch.Tensor]:
    return {name: values[list(pictures)] for name, values in boundary.items()}
