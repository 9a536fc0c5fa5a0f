"""Keys and values of rows of different lengths, side by side: padded on the left, so that every row's next
token is in the same column.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer, DynamicSlidingWindowLayer

States = tuple[tuple[Tensor, Tensor], ...]  # keys and values of each layer (heads, tokens, width)


@dataclass(frozen=True)
class Prefix:
    """What a decoder has read of a prompt: its first `length` tokens. `next_position` is that of the token
    behind them.
    """

    states: States
    length: int
    next_position: int

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it keeps alive."""
        return sum(tensor.nbytes for layer in self.states for tensor in layer)


class PaddedCache:
    """A cache and its mask (rows, length), 0 where a row is padding. Rows may leave and join at any step.

    What is padding in every row is dropped when rows leave, so that the cache is as long as its longest row.
    """

    def __init__(self, cache: DynamicCache, mask: Tensor, prefixes: Sequence[Prefix] = ()) -> None:
        """An empty cache, and the mask of what is to be read into it; behind copies of the rows' prefixes, if
        there are any.
        """
        self.cache, self.mask = cache, mask
        self._shared = False  # with the rows that it was selected of
        if prefixes:
            before = left_padded([torch.ones(prefix.length, 1).to(mask) for prefix in prefixes])
            self.mask = torch.cat([before[..., 0], mask], 1)
            for index, layer in enumerate(zip(*(prefix.states for prefix in prefixes), strict=True)):
                keys, values = (left_padded(states) for states in zip(*layer, strict=True))
                cache.update(keys, values, index)

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

    def seen(self, columns: int) -> Tensor:
        """The mask of what was read and of the next columns."""
        return self.mask[:, : self.cache.get_seq_length() + columns]

    @contextmanager
    def intact(self) -> Iterator[None]:
        """Around a forward of a token for each row: where that raises, every row is as it was. Some layers
        have read the token by then, and others have not.
        """
        mask, undo = self.mask, [_undoing(layer) for layer in self.cache.layers]
        try:
            yield
        except BaseException:
            self.mask = mask
            for restore in undo:
                restore()
            raise

    def states(self, row: int, length: int) -> States:
        """A copy of what the first tokens of a row left in each layer. None of them has passed out of a
        window.
        """
        behind = int(self.mask[row].sum()) - length
        return tuple(
            (_copy(layer.keys[row], length, behind), _copy(layer.values[row], length, behind))
            for layer in self.cache.layers
        )

    def close_gaps(self) -> None:
        """Put all padding of a row in front of it: between its prefix and what was read behind lies some,
        where another row read more. No layer's window may be shorter than the cache.
        """
        mask, order = self.mask.sort(dim=1, stable=True)
        if torch.equal(mask, self.mask):
            return
        self.mask, columns = mask, order[:, None, :, None]
        for layer in self.cache.layers:
            layer.keys = layer.keys.gather(2, columns.expand_as(layer.keys))
            layer.values = layer.values.gather(2, columns.expand_as(layer.values))
        self._drop_common_padding()

    def keep(self, rows: Sequence[int]) -> None:
        """Let all rows but those with these numbers, in ascending order, leave. Where there is no memory for
        copies, the rows stay where they are, and what has left is freed with them.
        """
        if len(rows) == len(self.mask):
            return
        chosen, copies_only = torch.tensor(rows, device=self.mask.device), self._shared
        mask = self.mask[chosen]
        for layer in self.cache.layers:
            try:
                layer.batch_select_indices(chosen)
            except RuntimeError:  # on a CPU, torch has no other for memory
                if copies_only:
                    raise
                layer.keys, layer.values = _moved_up(layer.keys, rows), _moved_up(layer.values, rows)
        self.mask, self._shared = mask, False
        self._drop_common_padding()

    def select(self, rows: Sequence[int]) -> "PaddedCache":
        """A copy of some of the rows."""
        cache = copy(self.cache)
        cache.layers = [copy(layer) for layer in cache.layers]
        selected = PaddedCache(cache, self.mask)
        selected._shared = True
        selected.keep(rows)
        return selected

    def merge(self, other: "PaddedCache") -> None:
        """Take another's rows below the own; the other is used up."""
        longest = max(self.mask.shape[1], other.mask.shape[1])
        with self.undoing_merge(), other.undoing_merge():
            self.set_length(longest)
            other.set_length(longest)
            append_rows(self.cache, other.cache)
            self.mask = torch.cat([self.mask, other.mask])

    @contextmanager
    def undoing_merge(self) -> Iterator[None]:
        """Around a merge: where memory runs out in it, the rows are as they were."""
        mask, shapes = self.mask, [layer.keys.shape for layer in self.cache.layers]
        try:
            yield
        except BaseException:
            self.mask = mask
            for layer, (rows, _, columns, _) in zip(self.cache.layers, shapes, strict=True):
                layer.keys, layer.values = (t[:rows, :, -columns:] for t in (layer.keys, layer.values))
                if isinstance(layer, DynamicSlidingWindowLayer):
                    layer.cumulative_length = mask.shape[1]
            raise

    def _drop_common_padding(self) -> None:
        longest = int(self.mask.sum(1).max())
        if longest < self.mask.shape[1]:
            self.set_length(longest)

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


def window(cache: DynamicCache) -> float:
    """How many tokens the layer of a cache keeps that keeps fewest; 0 where one keeps something else than
    keys and values of tokens.
    """
    if not all(isinstance(layer, DynamicLayer) for layer in cache.layers):
        return 0
    sliding = (layer for layer in cache.layers if isinstance(layer, DynamicSlidingWindowLayer))
    return min((layer.sliding_window - 1 for layer in sliding), default=math.inf)


def append_rows(cache: DynamicCache, other: DynamicCache) -> None:
    """Put another cache's rows below a cache's own. Both are equally long."""
    for own, joining in zip(cache.layers, other.layers, strict=True):
        own.keys = torch.cat([own.keys, joining.keys])
        own.values = torch.cat([own.values, joining.values])


def drop_rows(cache: DynamicCache, rows: int) -> None:
    """Leave only the first rows."""
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys[:rows], layer.values[:rows]


def with_left(states: Tensor, length: int) -> Tensor:
    """States (..., columns, width) with zeros put in front of them, or columns taken away there."""
    if length == states.shape[-2]:
        return states
    return pad(states, (0, 0, length - states.shape[-2], 0))


def left_padded(rows: Sequence[Tensor]) -> Tensor:
    """Rows (..., length, width) side by side in a tensor of its own (rows, ..., longest, width), zeros in
    front.
    """
    longest = max(row.shape[-2] for row in rows)
    return torch.stack([with_left(row, longest) for row in rows])


def with_right(states: Tensor, length: int) -> Tensor:
    """The same behind them."""
    return pad(states, (0, 0, 0, length - states.shape[-2]))


def _copy(states: Tensor, length: int, behind: int) -> Tensor:
    """So many columns of (..., columns, width), with so many behind them."""
    end = states.shape[-2] - behind
    return states[..., end - length : end, :].clone()


def _undoing(layer: CacheLayerMixin) -> Callable[[], None]:
    """What gives a layer back the tokens that it has now. A window forgets its first ones, so they are held;
    all other layers only get more behind, and to hold them would double the cache.
    """
    if isinstance(layer, DynamicSlidingWindowLayer):
        return partial(_put_back, layer, layer.keys, layer.values, layer.cumulative_length)
    return partial(_crop, layer, layer.get_seq_length())


def _crop(layer: CacheLayerMixin, length: int) -> None:
    layer.keys, layer.values = layer.keys[..., :length, :], layer.values[..., :length, :]


def _put_back(layer: DynamicSlidingWindowLayer, keys: Tensor, values: Tensor, length: int) -> None:
    layer.keys, layer.values, layer.cumulative_length = keys, values, length


def _pad_states(layer: CacheLayerMixin, length: int) -> None:
    layer.keys, layer.values = _padded(layer.keys, length), _padded(layer.values, length)


def _padded(states: Tensor, length: int) -> Tensor:
    """With zeros in front, or columns taken away there, for which no memory is needed."""
    try:
        return with_left(states, length)
    except RuntimeError:
        if length > states.shape[-2]:
            raise
        return states[..., -length:, :]


def _moved_up(states: Tensor, rows: Sequence[int]) -> Tensor:
    """Some rows of states (rows, ...), in ascending order, moved within them; states that have just these
    rows as they are.
    """
    if len(states) > len(rows):
        for place, row in enumerate(rows):
            states[place] = states[row]
    return states[: len(rows)]
