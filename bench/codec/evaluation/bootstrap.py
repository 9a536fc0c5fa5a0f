"""Confidence intervals by the bootstrap over pictures, paired with the whole model on the same ones."""

from collections.abc import Sequence

import numpy as np

DRAWS = 2000
_LEVEL = 0.95
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
