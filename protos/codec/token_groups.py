"""Tokens taken together before they are coded: neighbours in a picture are alike."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from protos.arrays import Floats


@dataclass(frozen=True)
class Grouping:
    """Which tokens make up each group: `order` (groups, members), every token at least once.

    Where a token fills a group alone, it stands there more than once, and comes back as the mean of them.
    Raises ValueError for an order that leaves a token out.
    """

    order: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.order.ndim != 2 or not self.order.size or self.order.min() < 0 or not self._times.all():
            raise ValueError("a grouping that leaves a token out")

    @property
    def tokens(self) -> int:
        return int(self.order.max()) + 1

    def group(self, values: Floats) -> Floats:
        """Tokens (..., tokens, width) as groups (..., groups, members * width)."""
        groups, members = self.order.shape
        return values[..., self.order.ravel(), :].reshape(
            *values.shape[:-2], groups, members * values.shape[-1]
        )

    def ungroup(self, values: Floats) -> Floats:
        """Groups (..., groups, members * width) as tokens (..., tokens, width)."""
        groups, members = self.order.shape
        flat = values.reshape(*values.shape[:-2], groups * members, -1)
        tokens = flat[..., self._last, :]
        for place in self._again:
            tokens[..., self.order.flat[place], :] += flat[..., place, :]
        return np.asarray(tokens / self._times[:, None] if len(self._again) else tokens, np.float32)

    @cached_property
    def _times(self) -> NDArray[np.int64]:
        """How often each token stands in a group."""
        return np.bincount(self.order.ravel())

    @cached_property
    def _last(self) -> NDArray[np.int64]:
        """Where each token stands last."""
        places = np.empty(self.tokens, np.int64)
        places[self.order.ravel()] = np.arange(self.order.size)
        return places

    @cached_property
    def _again(self) -> NDArray[np.int64]:
        """Where a token stands that stands somewhere behind once more."""
        return np.setdiff1d(np.arange(self.order.size), self._last)
