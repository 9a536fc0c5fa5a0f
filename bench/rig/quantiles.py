"""Quantiles, the one way that all benchmarks take them."""

import math
from collections.abc import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least of ordered values that this share of them (0 to 1) stays within: the nearest rank. Raises
    IndexError for none.
    """
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
