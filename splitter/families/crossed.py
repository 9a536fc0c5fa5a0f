"""Decoders with cross-attention: the picture, or picture and question together, is what they look at, not
what they read.
"""

from collections.abc import Sequence
from copy import copy
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, EncoderDecoderCache

from splitter.families.padded_cache import PaddedCache, Prefix, append_rows, drop_rows, with_right


class Decode(Protocol):
    """A model's decoder."""

    def __call__(
        self,
        ids: Tensor,
        positions: Tensor,
        mask: Tensor,
        states: Tensor,
        states_mask: Tensor,
        cache: EncoderDecoderCache,
    ) -> Tensor:
        """Token ids (rows, length) at positions of as many, the mask (rows, tokens so far) of what was
        written, the encoder's states (rows, places, width) and their mask (rows, places), to logits (rows,
        length, vocabulary).
        """


class CrossAttentionBatch:
    """Answers side by side. The keys and values of the encoder's states are made once."""

    def __init__(self, decode: Decode, begun: Tensor, states: Tensor, mask: Tensor) -> None:
        """`begun` is what every answer starts from (rows, length); `mask` is 0 where `states` are padding."""
        self._decode, self._begun = decode, begun
        self.states, self.states_mask = states, mask
        self.written = PaddedCache(DynamicCache(), torch.ones_like(begun))
        self.looked_at = DynamicCache()
        self.cache = EncoderDecoderCache(self.written.cache, self.looked_at)

    def read(self, tokens: int) -> None:
        raise NotImplementedError("what every answer starts from is read at once")

    def prefill(self) -> Tensor:
        return self._logits(self._begun, self.written.positions)[:, -1]

    def decode(self, tokens: Sequence[int]) -> Tensor:
        ids = torch.tensor(tokens, device=self.states.device)[:, None]
        with self.written.intact():
            self.written.grow(1)
            return self._logits(ids, self.written.next_positions)[:, -1]

    def prefix(self, row: int, length: int) -> Prefix:
        raise NotImplementedError("the picture is no part of what is read")

    def keep(self, rows: Sequence[int]) -> None:
        if len(rows) == len(self.states):
            return
        self.written.keep(rows)
        chosen = torch.tensor(rows, device=self.states.device)
        self.states, self.states_mask = self.states[chosen], self.states_mask[chosen]
        self.looked_at.batch_select_indices(chosen)
        self.set_places(int(self.states_mask.sum(1).max()))

    def select(self, rows: Sequence[int]) -> Self:
        selected = copy(self)
        everything = range(len(self.states))
        selected.written = self.written.select(everything)
        selected.looked_at = copy(self.looked_at)
        selected.looked_at.layers = [copy(layer) for layer in self.looked_at.layers]
        selected.cache = EncoderDecoderCache(selected.written.cache, selected.looked_at)
        selected.keep(rows)
        return selected

    def merge(self, other: Self) -> None:
        places = max(self.states.shape[1], other.states.shape[1])
        self.set_places(places)
        other.set_places(places)
        states = torch.cat([self.states, other.states])
        states_mask = torch.cat([self.states_mask, other.states_mask])
        try:
            append_rows(self.looked_at, other.looked_at)
            self.written.merge(other.written)
        except BaseException:
            drop_rows(self.looked_at, len(self.states))
            raise
        self.states, self.states_mask = states, states_mask

    def set_places(self, places: int) -> None:
        """Add padding behind the encoder's states, or drop it: so many are left."""
        if places == self.states.shape[1]:
            return
        self.states = with_right(self.states, places)
        self.states_mask = with_right(self.states_mask[..., None], places)[..., 0]
        for layer in self.looked_at.layers:
            layer.keys, layer.values = with_right(layer.keys, places), with_right(layer.values, places)

    def teacher_force(self, answers: Tensor) -> Tensor:
        ids = torch.cat([self._begun, answers[:, :-1]], 1)
        self.written.grow(answers.shape[1] - 1)
        return self._logits(ids, self.written.positions)[:, -answers.shape[1] :]

    def _logits(self, ids: Tensor, positions: Tensor) -> Tensor:
        return self._decode(ids, positions, self.written.mask, self.states, self.states_mask, self.cache)


def padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (length, ...) side by side (rows, longest, ...), zeros behind, and their mask (rows, longest)."""
    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    return pad_sequence(list(rows), batch_first=True), pad_sequence(ones, batch_first=True)
