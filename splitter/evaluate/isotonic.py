"""A raw confidence to a probability: isotonic regression, and how well the one tells the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS, _LEAST = 20, 8  # bins of raw confidence, and how many answers each has at least
_TENTHS = 10


@dataclass(frozen=True)
class Block:
    """Neighbours in raw confidence that agree alike: `right` of `count`."""

    raw: float  # their mean
    right: float
    count: int

    @property
    def share(self) -> float:
        return self.right / self.count


def isotonic(raw: Sequence[float], agrees: Sequence[bool]) -> list[Block]:
    """Blocks by ascending raw confidence, whose shares never descend.

    Isotonic regression by pool adjacent violators (Ayer et al., 1955), which Zadrozny and Elkan (2002)
    calibrate with. It begins with bins of as many answers each, so that few knots are left and none hangs on
    a single answer.
    """
    order = np.argsort(raw, kind="stable")
    bins = min(_BINS, max(1, len(raw) // _LEAST))
    sums, hits = np.asarray(raw, np.float64)[order], np.asarray(agrees, np.float64)[order]
    blocks: list[Block] = []
    for part in np.array_split(np.arange(len(raw)), bins):
        blocks.append(Block(float(sums[part].mean()), float(hits[part].sum()), len(part)))
        while len(blocks) > 1 and blocks[-2].share >= blocks[-1].share:
            last, before = blocks.pop(), blocks.pop()
            count = before.count + last.count
            mean = (before.raw * before.count + last.raw * last.count) / count
            blocks.append(Block(mean, before.right + last.right, count))
    return blocks


def probabilities(blocks: Sequence[Block], raw: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """What blocks say of raw confidences: linear between their means, constant beyond."""
    return np.interp(raw, [block.raw for block in blocks], [block.share for block in blocks])


def auroc(raw: Sequence[float], agrees: Sequence[bool]) -> float:
    """The probability that an answer that agrees is surer than one that does not, ties counted half; 0.5
    where all agree or none (Mann and Whitney, 1947).
    """
    values, hits = np.asarray(raw, np.float64), np.asarray(agrees, bool)
    right, wrong = values[hits], np.sort(values[~hits])
    if not len(right) or not len(wrong):
        return 0.5
    below = np.searchsorted(wrong, right, "left") + np.searchsorted(wrong, right, "right")
    return float(below.mean() / 2 / len(wrong))


def held_out_error(raw: Sequence[float], agrees: Sequence[bool], owners: Sequence[int]) -> float:
    """The expected calibration error (Naeini et al., 2015) over tenths of the answers: each half of the
    pictures is told by a fit to the other. 0 where there is a single picture.
    """
    values, hits, pictures = np.asarray(raw, np.float64), np.asarray(agrees, np.float64), np.asarray(owners)
    odd = np.isin(pictures, np.unique(pictures)[1::2])
    if not odd.any():
        return 0.0
    told = np.empty(len(values))
    for half in (odd, ~odd):
        told[half] = probabilities(isotonic(values[~half].tolist(), hits[~half].tolist()), values[half])
    parts = np.array_split(np.argsort(told, kind="stable"), min(_TENTHS, len(told)))
    gaps = [abs(told[part].mean() - hits[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(told))
