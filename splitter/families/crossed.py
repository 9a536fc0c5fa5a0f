"""Decoders with cross-attention: the picture, or picture and question together, is what they look at, not
what they read.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, EncoderDecoderCache

# Token ids (rows, length), encoder states (rows, positions, width), their mask (rows, positions), and what is
# kept between calls, to logits (rows, length, vocabulary).
Decode = Callable[[Tensor, Tensor, Tensor, EncoderDecoderCache], Tensor]


class CrossAttentionBatch:
    """Answers side by side, all begun with as many tokens. The keys and values of the encoder's states are
    made once.
    """

    def __init__(self, decode: Decode, begun: Tensor, states: Tensor, mask: Tensor) -> None:
        """`begun` is what every answer starts from (rows, length); `mask` is 0 where `states` are padding."""
        self._decode, self._begun = decode, begun
        self._states, self._mask = states, mask
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def prefill(self) -> Tensor:
        return self._forward(self._begun)

    def decode(self, tokens: Sequence[int]) -> Tensor:
        return self._forward(torch.tensor(tokens, device=self._begun.device)[:, None])

    def keep(self, rows: Sequence[int]) -> None:
        if len(rows) == len(self._mask):
            return
        chosen = torch.tensor(rows, device=self._mask.device)
        self._states, self._mask = self._states[chosen], self._mask[chosen]
        self._cache.batch_select_indices(chosen)

    def teacher_force(self, answers: Tensor) -> Tensor:
        ids = torch.cat([self._begun, answers[:, :-1]], 1)
        return self._decode(ids, self._states, self._mask, self._cache)[:, -answers.shape[1] :]

    def _forward(self, ids: Tensor) -> Tensor:
        return self._decode(ids, self._states, self._mask, self._cache)[:, -1]


def padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (length, ...) side by side (rows, longest, ...), zeros behind, and their mask (rows, longest)."""
    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    return pad_sequence(list(rows), batch_first=True), pad_sequence(ones, batch_first=True)
