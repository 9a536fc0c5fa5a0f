"""How sure a measured share is: intervals, and the error of a paired difference, over pictures."""

import math
from collections.abc import Sequence

import numpy as np

DRAWS = 2000
_LEVEL = 0.95
_Z = 1.959964  # of that level, both sides
_SEED = 7  # the same figures give the same interval


def interval(terms: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    """The central 95% of `sum(terms) / sum(weights)` over resampled pictures; one term and weight a picture.

    The percentile bootstrap over clusters (Efron and Tibshirani, 1993, chapter 13): all questions about one
    picture stay together. Draws without any weight are left out.
    """
    count = len(terms)
    drawn = np.random.default_rng(_SEED).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    above, below = drawn @ np.asarray(terms, np.float64), drawn @ np.asarray(weights, np.float64)
    low, high = np.quantile(above[below > 0] / below[below > 0], ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2))
    return float(low), float(high)


def wilson(right: float, count: float) -> tuple[float, float]:
    """The 95% interval of a share, `right` of `count` (Wilson, 1927): it has a width where all are right."""
    share, spread = right / count, _Z**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def ratio_error(terms: Sequence[float], weights: Sequence[float]) -> float:
    """The standard error of `sum(terms) / sum(weights)` over pictures, one term and weight a picture; terms
    that are differences of pairs give the error of the paired difference.

    The ratio estimator's, linearised (Cochran, 1977, section 6.4). One picture has no spread, and gives 0.
    """
    count = len(terms)
    if count < 2:
        return 0.0
    above, below = np.asarray(terms, np.float64), np.asarray(weights, np.float64)
    rest = above - above.sum() / below.sum() * below
    return float(np.sqrt(count / (count - 1) * (rest @ rest)) / below.sum())
