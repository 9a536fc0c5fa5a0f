"""Keys and values of rows of different lengths, side by side: padded on the left, so that every row's next
token is in the same column.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicSlidingWindowLayer


class PaddedCache:
    """A cache and its mask (rows, length), 0 where a row is padding. Rows may leave and join at any step.

    What is padding in every row is dropped when rows leave, so that the cache is as long as its longest row.
    """

    def __init__(self, cache: DynamicCache, mask: Tensor) -> None:
        self.cache, self.mask = cache, mask

    @property
    def positions(self) -> Tensor:
        """How many tokens of its row lie before each: (rows, length)."""
        return (self.mask.cumsum(1) - 1).clamp(min=0)

    @property
    def next_positions(self) -> Tensor:
        """How many tokens of its row lie before the last one: (rows, 1)."""
        return self.mask.sum(1, keepdim=True) - 1

    def grow(self, columns: int) -> None:
        """Make room for so many tokens behind each row."""
        self.mask = pad(self.mask, (0, columns), value=1)

    def keep(self, rows: Sequence[int]) -> None:
        """Let all rows but those with these numbers leave."""
        if len(rows) == len(self.mask):
            return
        chosen = torch.tensor(rows, device=self.mask.device)
        self.mask = self.mask[chosen]
        self.cache.batch_select_indices(chosen)
        longest = int(self.mask.sum(1).max())
        if longest < self.mask.shape[1]:
            self.set_length(longest)

    def merge(self, other: "PaddedCache") -> None:
        """Take another's rows below the own; the other is used up."""
        longest = max(self.mask.shape[1], other.mask.shape[1])
        self.set_length(longest)
        other.set_length(longest)
        self.mask = torch.cat([self.mask, other.mask])
        append_rows(self.cache, other.cache)

    def set_length(self, length: int) -> None:
        """Add padding on the left, or drop it: so many columns are left, or all that a sliding window sees of
        them.
        """
        self.mask = with_left(self.mask[..., None], length)[..., 0]
        for layer in self.cache.layers:
            if isinstance(layer, DynamicSlidingWindowLayer):
                layer.cumulative_length = length
                _pad_states(layer, min(length, layer.sliding_window - 1))
            else:
                _pad_states(layer, length)


def append_rows(cache: DynamicCache, other: DynamicCache) -> None:
    """Put another cache's rows below a cache's own. Both are equally long."""
    for own, joining in zip(cache.layers, other.layers, strict=True):
        own.keys = torch.cat([own.keys, joining.keys])
        own.values = torch.cat([own.values, joining.values])


def with_left(states: Tensor, length: int) -> Tensor:
    """States (..., columns, width) with zeros put in front of them, or columns taken away there."""
    return pad(states, (0, 0, length - states.shape[-2], 0))


def with_right(states: Tensor, length: int) -> Tensor:
    """The same behind them."""
    return pad(states, (0, 0, 0, length - states.shape[-2]))


def _pad_states(layer: CacheLayerMixin, length: int) -> None:
    layer.keys, layer.values = with_left(layer.keys, length), with_left(layer.values, length)
