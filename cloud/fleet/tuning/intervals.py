"""Means and quantiles over devices, with 95% intervals.

Devices are what is drawn, not answers: those of one device are alike. They are dealt into up to 20 groups;
each statistic is taken anew with one group left out, and how much that moves it gives the standard error (the
delete-a-group jackknife: Kott, "The delete-a-group jackknife", Journal of Official Statistics 17, 2001; it
holds for quantiles too, where groups are large: Shao and Wu, Annals of Statistics 17, 1989). A group fewer is
the degrees of freedom of the t distribution.
"""

import math
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.observed import Values

GROUPS = 20
_LEAST_MS, _BINS, _WIDTH = 0.1, 480, 0.04  # bins of a logarithm: up to 2e7 ms
_CUT_OFF = 4  # standard deviations of scatter


class Estimate(NamedTuple):
    """A value with its 95% interval. NaN: not known."""

    value: float
    low: float
    high: float

    def json(self) -> dict[str, float] | None:
        if not np.isfinite(self.value):
            return None
        return {name: round(float(value), 6) for name, value in self._asdict().items()}


class Replicates(NamedTuple):
    """A statistic, and the same with each group of devices left out."""

    value: float
    without: Values

    def minus(self, other: "Replicates") -> "Replicates":
        return Replicates(self.value - other.value, self.without - other.without)

    def estimate(self, more: float = 0.0) -> Estimate:
        """`more`: a standard error that has nothing to do with which devices there are."""
        count = len(self.without)
        spread = float(((self.without - self.without.mean()) ** 2).sum()) * (count - 1) / count
        half = student(count - 1) * np.sqrt(spread) + 1.96 * more
        return Estimate(self.value, self.value - half, self.value + half)


def dealt(names: Sequence[str]) -> NDArray[np.int64]:
    """The group of each device: the same whenever it is asked."""
    order = np.argsort([zlib.crc32(name.encode()) for name in names], kind="stable")
    found = np.empty(len(names), np.int64)
    found[order] = np.arange(len(names)) % min(GROUPS, len(names))
    return found


def mean_of(values: Values, weights: Values, groups: NDArray[np.int64]) -> Replicates:
    """The weighted mean over devices."""
    totals, parts = np.bincount(groups, weights * values), np.bincount(groups, weights)
    left = np.maximum(parts.sum() - parts, 1e-12)
    return Replicates(float(totals.sum() / max(parts.sum(), 1e-12)), (totals.sum() - totals) / left)


def quantiles_of(
    times: Values, weights: Values, groups: NDArray[np.int64], scatter: float, shares: Sequence[float]
) -> list[Replicates]:
    """Of answers whose times scatter log-normally, `times` being their means: of each state of each device.
    The last axis of `times` and `weights` are devices. `scatter`: the standard deviation of the logarithm.
    """
    count = int(groups.max()) + 1
    medians = np.maximum(times * np.exp(-(scatter**2) / 2), _LEAST_MS)
    bins = np.clip(np.log(medians / _LEAST_MS) / _WIDTH, 0, _BINS - 1).astype(np.int64)
    cells = np.broadcast_to(groups, times.shape) * _BINS + bins
    table = np.bincount(cells.ravel(), weights.ravel(), count * _BINS).reshape(count, _BINS)
    table = table @ _smoothing(round(scatter, 3))
    left = np.vstack([table.sum(0), table.sum(0) - table])
    reached = np.cumsum(np.maximum(left, 0.0), axis=1)
    found = []
    for share in shares:
        values = np.array([_quantile(row, share) for row in reached])
        found.append(Replicates(float(values[0]), values[1:]))
    return found


def student(freedom: int) -> float:
    """The 97.5% quantile of the t distribution (Abramowitz and Stegun 26.7.5), from 4 degrees of freedom on
    within 1%.
    """
    z = 1.959964
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def _quantile(reached: Values, share: float) -> float:
    wanted = share * reached[-1]
    at = int(np.searchsorted(reached, wanted, side="left"))
    before = reached[at - 1] if at else 0.0
    part = (wanted - before) / max(reached[min(at, _BINS - 1)] - before, 1e-12)
    return float(_LEAST_MS * np.exp(_WIDTH * (at + part)))


@lru_cache(maxsize=64)
def _smoothing(scatter: float) -> NDArray[Any]:
    """What becomes of each bin where its values scatter."""
    offsets = np.arange(_BINS)[None, :] - np.arange(_BINS)[:, None]
    spread = max(scatter / _WIDTH, 0.1)
    weights = np.where(np.abs(offsets) <= _CUT_OFF * spread + 1, np.exp(-0.5 * (offsets / spread) ** 2), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
