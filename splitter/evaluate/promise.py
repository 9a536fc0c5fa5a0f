"""A threshold of raw confidence above which a device's answers agree with the whole model's in a share that
is asked for, with a probability that is asked for: learn then test (Angelopoulos et al., 2022).

The thresholds are quantiles of the raw confidence, every tenth. For each, the hypothesis that too few answers
above it agree is tested by the binomial tail, and rejected at a tenth of the error allowed (Bonferroni), so
that all thresholds that pass hold together. The lowest of them is taken: it escalates least.

Above a quantile that is not itself counted, confidences are as independent as before; questions about one
picture are not. So one question of each picture is tested, drawn by chance: the promise is about requests
that are a picture and a question each.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95  # that a promise holds
_STEPS = 10
_LEVEL = (1 - CONFIDENCE) / _STEPS
_SEED = 7
_MAX_FOLD = 1000  # of the pictures, in looking for how many would do


@dataclass(frozen=True)
class Tested:
    """Answers above a threshold, one a picture: how many, and how many of them disagree."""

    threshold: float
    kept: int
    disagree: int

    def holds(self, agree: float, fold: int = 1) -> bool:
        """Whether they show that at least this share agrees; had there been so many times as many."""
        return _at_most(fold * self.disagree, fold * self.kept, 1 - agree) <= _LEVEL


def promised(
    raw: Sequence[float], agrees: Sequence[bool], owners: Sequence[int], agree: float
) -> float | None:
    """The lowest threshold from which on the share of answers that agree is promised; None where none is."""
    found = [one.threshold for one in _tested(raw, agrees, owners) if one.holds(agree)]
    return min(found, default=None)


def unpromised(raw: Sequence[float], agrees: Sequence[bool], owners: Sequence[int], agree: float) -> str:
    """Why no threshold is, and about how many pictures like these would do."""
    tested, pictures = _tested(raw, agrees, owners), len(set(owners))
    folds = [fold for one in tested if (fold := _fold(one, agree))]
    why = f"no cascade promises that {100 * agree:g}% of the device's answers agree"
    if folds:
        return f"{why}: {pictures} pictures are too few to show it, about {min(folds) * pictures:,} would do"
    best = max((1 - one.disagree / one.kept for one in tested), default=0.0)
    return f"{why}: of its surest answers only {best:.1%} do; ask less, or give a better model with --local"


def least_pictures(agree: float) -> int:
    """Below so many no promise can be made, even if all answers agree."""
    return math.ceil(math.log(_LEVEL) / math.log(agree))


def _tested(raw: Sequence[float], agrees: Sequence[bool], owners: Sequence[int]) -> list[Tested]:
    one = _one_each(owners)
    values, wrong = np.asarray(raw, np.float64)[one], ~np.asarray(agrees, bool)[one]
    ranked = np.sort(values)
    below = [ranked[len(ranked) * step // _STEPS - 1] for step in range(1, _STEPS)]
    thresholds = sorted({-1.0, *map(float, below)})
    return [
        Tested(float(np.nextafter(place, np.inf)), int(above.sum()), int(wrong[above].sum()))
        for place in thresholds
        if (above := values > place).any()
    ]


def _one_each(owners: Sequence[int]) -> NDArray[np.int64]:
    """The place of one question of each picture, drawn by chance and always the same."""
    order = np.random.default_rng(_SEED).permutation(len(owners))
    _, first = np.unique(np.asarray(owners)[order], return_index=True)
    return order[first]


def _fold(one: Tested, agree: float) -> int | None:
    if one.disagree >= (1 - agree) * one.kept:
        return None
    return next((fold for fold in range(1, _MAX_FOLD) if one.holds(agree, fold)), None)


def _at_most(hits: int, count: int, share: float) -> float:
    """The probability of at most so many hits of a count, each of a probability `share`."""
    terms = (
        math.lgamma(count + 1)
        - math.lgamma(k + 1)
        - math.lgamma(count - k + 1)
        + k * math.log(share)
        + (count - k) * math.log1p(-share)
        for k in range(hits + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))
