"""Which of many devices differ, where so many are looked at that some always seem to.

Each is held against its own class, whose median and spread are the null distribution that the fleet itself
shows (the empirical null: Efron, "Large-scale simultaneous hypothesis testing: the choice of a null
hypothesis", JASA 99, 2004). What is reported is chosen so that on average at most a stated share of it is
false (Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995), over all devices and
measures together; it holds where measures of one device are independent or go together.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Flags
from cloud.fleet.tuning.observed import Values

FEWEST = 10  # devices that a class is known by
_LEAST_SPREAD = 0.01
_MAD = 1.4826  # a standard deviation, in median absolute deviations
_BETTER = ((0.05, 1.645), (0.01, 2.326))  # shares on the side where nothing is wrong, in standard deviations


class Surprises(NamedTuple):
    """How far each device is from its class; NaN where it is not judged."""

    centre: Values
    excess: Values  # logarithm, or points: beyond the class's median
    spread: Values  # of the class, and of a device with as few answers


def against_class(
    values: Values, judged: Flags, classes: NDArray[np.str_], answers: Values, noise: Values | float = 0.0
) -> Surprises:
    """`values`: worse is more. A class of few devices is held against all. `noise`: the standard error that a
    value has at least, where that is known.
    """
    centre, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for name in np.unique(classes[judged]):
        here = classes == name
        among = judged & here if (judged & here).sum() >= FEWEST else judged
        if among.sum() < FEWEST:
            continue
        middle = float(np.median(values[among]))
        few = np.sqrt(np.maximum(1.0, np.median(answers[among]) / np.maximum(answers, 1.0)))
        at = judged & here
        centre[at], spread[at] = middle, (_spread(values[among], middle) * few)[at]
    return Surprises(centre, values - centre, np.maximum(spread, noise))


def p_values(found: Surprises, least: float) -> Values:
    """That a device is not worse than its class by more than `least`. NaN where it is not judged."""
    scores = (found.excess - least) / found.spread
    return np.array([0.5 * math.erfc(score / math.sqrt(2)) for score in scores])


def q_values(p: Values) -> Values:
    """The share of false ones among all that are reported with one: the least rate by which it is reported.
    NaN stays.
    """
    found = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p.ravel()))
    order = known[np.argsort(p.ravel()[known])]
    raised = p.ravel()[order] * len(order) / np.arange(1, len(order) + 1)
    found.ravel()[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return found


def _spread(values: Values, middle: float) -> float:
    """Of what is as usual: by the half next to the median, and by the side where nothing is wrong, whose tail
    no drift makes longer.
    """
    tails = [(middle - float(np.quantile(values, share))) / score for share, score in _BETTER]
    return max(_MAD * float(np.median(np.abs(values - middle))), *tails, _LEAST_SPREAD)
