"""Families whose decoder reads a prompt in a way of its own: other masks, other positions. Their own forward
is handed the image tokens.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from splitter.families import DecoderBatch
from splitter.families.causal import Causal
from splitter.families.padded_cache import PaddedCache, Prefix


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

    def resumed(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], prefixes: Sequence[Prefix]
    ) -> DecoderBatch:
        left = [prompt[prefix.length :] for prompt, prefix in zip(prompts, prefixes, strict=True)]
        return ForwardBatch(self, model, left, prefixes[0].states[0][0][:0], prefixes)

    def inputs(self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor) -> dict[str, Tensor]:
        made = super().inputs(model, prompt, pixels)
        return made | self.types(model, made["input_ids"])


class ForwardBatch:
    """Prompts of different lengths side by side."""

    def __init__(
        self,
        family: Forward,
        model: PreTrainedModel,
        prompts: Sequence[Sequence[int]],
        image_tokens: Tensor,
        prefixes: Sequence[Prefix] = (),
    ) -> None:
        """`prompts` and their image tokens; or what prompts have behind their prefixes, which hold these."""
        self._family, self._model, self._image_tokens = family, model, image_tokens
        longest, device = max(map(len, prompts)), image_tokens.device
        self._ids = torch.tensor([[0] * (longest - len(ids)) + list(ids) for ids in prompts], device=device)
        mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts], device=device)
        self.written = PaddedCache(DynamicCache(config=model.config.get_text_config()), mask, prefixes)
        if prefixes:
            first = torch.tensor([[prefix.next_position] for prefix in prefixes], device=device)
            self._positions = first + mask.cumsum(1) - 1
        else:
            self._positions = family.positions(model, self._ids, mask)
        # the position (rows, 1) of each row's next token behind the prompt
        self.next = self._positions.reshape(-1, *mask.shape).amax((0, 2))[:, None] + 1

    def read(self, tokens: int) -> None:
        self._read(tokens)

    def prefill(self) -> Tensor:
        logits = self._read(self._ids.shape[1])
        self.written.close_gaps()
        return logits

    def prefix(self, row: int, length: int) -> Prefix:
        behind = int(self.written.mask[row].sum()) - length  # tokens of text, each a position
        return Prefix(self.written.states(row, length), length, int(self.next[row]) - behind)

    def decode(self, tokens: Sequence[int]) -> Tensor:
        ids = torch.tensor(tokens, device=self.next.device)[:, None]
        with self.written.intact():
            self.written.grow(1)
            logits = self._logits(ids, self.next, 1)[:, -1]
        self.next = self.next + 1
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        self.written.keep(rows)
        self.next = self.next[list(rows)]

    def select(self, rows: Sequence[int]) -> Self:
        selected = copy(self)
        selected.written, selected.next = self.written.select(rows), self.next[list(rows)]
        return selected

    def merge(self, other: Self) -> None:
        following = torch.cat([self.next, other.next])
        self.written.merge(other.written)
        self.next = following

    def teacher_force(self, answers: Tensor) -> Tensor:
        further, shape = answers[:, :-1], (*self._positions.shape[:-1], answers.shape[1] - 1)
        behind = (self.next + torch.arange(shape[-1], device=further.device)).expand(shape)
        told = self._picture(self._ids, self._image_tokens)
        types = {
            name: pad(told.pop(name), (0, shape[-1]), value=self._family.answer_type)
            for name in self._family.types(self._model, self._ids)
        }
        self.written.grow(shape[-1])
        ids, positions = torch.cat([self._ids, further], 1), torch.cat([self._positions, behind], -1)
        return self._logits(ids, positions, answers.shape[1], **told, **types)

    def _read(self, columns: int) -> Tensor:
        """The logits (rows, vocabulary) behind so many more columns of the prompts."""
        ids, positions = self._ids[:, :columns], self._positions[..., :columns]
        image_tokens, mark = self._image_tokens, self._family.image_token(self._model)
        if columns < self._ids.shape[1]:
            image_tokens = image_tokens[:, : ids.tolist()[0].count(mark)]
        logits = self._logits(ids, positions, 1, **self._picture(ids, image_tokens))[:, -1]
        self._ids, self._positions = self._ids[:, columns:], self._positions[..., columns:]
        # a part of these would keep all of them alive
        self._image_tokens = self._image_tokens[:, image_tokens.shape[1] :].clone()
        return logits

    def _picture(self, ids: Tensor, image_tokens: Tensor) -> dict[str, Any]:
        """What the forward takes of the image tokens among the ids; nothing where there are none, or no
        more.
        """
        if not image_tokens.numel():
            return {}
        encoded = self._family.encoded(self._model, image_tokens)
        return {"mm_encoder_outputs": {"image": encoded}, **self._family.types(self._model, ids)}

    def _logits(self, ids: Tensor, positions: Tensor, count: int, **prompt: Any) -> Tensor:
        state = {
            "attention_mask": self.written.seen(ids.shape[1]),
            "position_ids": positions,
            "past_key_values": self.written.cache,
            "use_cache": True,
        }
        return torch.as_tensor(
            self._model(input_ids=ids, logits_to_keep=count, **state, **prompt).logits[:, -count:]
        )
