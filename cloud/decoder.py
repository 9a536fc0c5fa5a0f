"""The language model over a batch of rows: prefill, then a token for every row, with a KV cache that rows can leave."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from splitter.families import Family


class Rows:
    """Prompts of different lengths side by side, padded on the left so that every row's next token is in the same column."""

    def __init__(self, family: Family, model: PreTrainedModel, embeds: Sequence[Tensor]) -> None:
        """`embeds`: for each row its prompt as (length, width)."""
        self._family, self._model = family, model
        self._decoder = family.decoder(model)
        self._embeds = _pad_left(embeds)
        self._mask = _pad_left([torch.ones(len(row), 1, dtype=torch.long, device=row.device) for row in embeds])[..., 0]
        self._cache = DynamicCache(config=self._decoder.config)

    def prefill(self) -> Tensor:
        """Read all prompts; the logits (rows, vocabulary) of each row's next token."""
        positions = (self._mask.cumsum(1) - 1).clamp(min=0)
        return self._forward(self._embeds, positions)

    def advance(self, tokens: Sequence[int]) -> Tensor:
        """Add one token to each row; the logits (rows, vocabulary) of the next."""
        ids = torch.tensor(tokens, device=self._mask.device)[:, None]
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        positions = self._mask.sum(1, keepdim=True) - 1
        return self._forward(self._decoder.get_input_embeddings()(ids), positions)

    def keep(self, rows: Sequence[int]) -> None:
        """Let all other rows leave, and their part of the cache with them."""
        if len(rows) == len(self._mask):
            return
        chosen = torch.tensor(rows, device=self._mask.device)
        self._mask = self._mask[chosen]
        self._cache.batch_select_indices(chosen)

    def _forward(self, embeds: Tensor, positions: Tensor) -> Tensor:
        out = self._decoder(
            inputs_embeds=embeds, attention_mask=self._mask, position_ids=positions, past_key_values=self._cache, use_cache=True
        )
        return self._family.logits(self._model, out.last_hidden_state[:, -1])


def _pad_left(rows: Sequence[Tensor]) -> Tensor:
    """Rows (length, width) to (rows, longest, width), zeros in front."""
    longest = max(len(row) for row in rows)
    return torch.stack([torch.nn.functional.pad(row, (0, 0, longest - len(row), 0)) for row in rows])
