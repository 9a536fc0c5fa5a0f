"""Families whose decoder reads a prompt in a way of its own: other masks, other positions. Their own forward
is handed the image tokens.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from splitter.families import DecoderBatch
from splitter.families.causal import Causal


@runtime_checkable
class Forward(Causal, Protocol):
    """The part of such a family that speaks. Subclasses are whole families."""

    answer_type: int = 0  # what `types` has for a token of an answer

    def types(self, _model: PreTrainedModel, _ids: Tensor) -> dict[str, Tensor]:
        """What the forward takes beside the ids (rows, length) to know which are a picture's, as the
        processor makes it.
        """
        return {}

    def positions(self, _model: PreTrainedModel, _ids: Tensor, mask: Tensor) -> Tensor:
        """The position of each token of the prompts, (rows, length) or one such for each axis; the next
        token's is the highest plus 1.
        """
        return (mask.cumsum(1) - 1).clamp(min=0)

    def encoded(self, _model: PreTrainedModel, image_tokens: Tensor) -> BaseModelOutputWithPooling:
        """Image tokens (rows, tokens, width) as what the model's own `get_image_features` gives."""
        return BaseModelOutputWithPooling(pooler_output=image_tokens)

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        return model.model.language_model

    def rows(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> DecoderBatch:
        return ForwardBatch(self, model, prompts, image_tokens)

    def inputs(self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor) -> dict[str, Tensor]:
        made = super().inputs(model, prompt, pixels)
        return made | self.types(model, made["input_ids"])


class ForwardBatch:
    """Prompts of different lengths side by side, padded on the left so that every row's next token is in the
    same column.
    """

    def __init__(
        self, family: Forward, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> None:
        self._family, self._model, self._image_tokens = family, model, image_tokens
        longest, device = max(map(len, prompts)), image_tokens.device
        self._ids = torch.tensor([[0] * (longest - len(ids)) + list(ids) for ids in prompts], device=device)
        self._mask = torch.tensor(
            [[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts], device=device
        )
        self._cache = DynamicCache(config=model.config.get_text_config())
        self._next = torch.zeros(0)

    def prefill(self) -> Tensor:
        return self._read(self._ids[:, :0], 1)[:, -1]

    def decode(self, tokens: Sequence[int]) -> Tensor:
        self._mask = pad(self._mask, (0, 1), value=1)
        positions, self._next = self._next, self._next + 1
        return self._forward(torch.tensor(tokens, device=self._mask.device)[:, None], positions)

    def keep(self, rows: Sequence[int]) -> None:
        if len(rows) == len(self._mask):
            return
        chosen = torch.tensor(rows, device=self._mask.device)
        self._mask, self._next = self._mask[chosen], self._next[chosen]
        self._cache.batch_select_indices(chosen)

    def teacher_force(self, answers: Tensor) -> Tensor:
        return self._read(answers[:, :-1], answers.shape[1])

    def _read(self, answer_ids: Tensor, count: int) -> Tensor:
        """The logits (rows, count, vocabulary) behind the last tokens of the prompts and of what follows them
        (rows, length).
        """
        positions, further = self._family.positions(self._model, self._ids, self._mask), answer_ids.shape[1]
        self._next = positions.view(-1, *self._mask.shape).amax((0, 2))[:, None] + 1
        behind = (self._next + torch.arange(further, device=answer_ids.device)).expand(
            *positions.shape[:-1], further
        )
        ids = torch.cat([self._ids, answer_ids], 1)
        encoded = self._family.encoded(self._model, self._image_tokens)
        self._mask, self._next = pad(self._mask, (0, further), value=1), self._next + further
        told = self._family.types(self._model, self._ids)
        types = {
            name: pad(values, (0, further), value=self._family.answer_type) for name, values in told.items()
        }
        return self._logits(
            ids, torch.cat([positions, behind], -1), count, mm_encoder_outputs={"image": encoded}, **types
        )

    def _forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        return self._logits(ids, positions, 1)[:, -1]

    def _logits(self, ids: Tensor, positions: Tensor, count: int, **prompt: Any) -> Tensor:
        state = {
            "attention_mask": self._mask,
            "position_ids": positions,
            "past_key_values": self._cache,
            "use_cache": True,
        }
        return torch.as_tensor(
            self._model(input_ids=ids, logits_to_keep=count, **state, **prompt).logits[:, -count:]
        )
