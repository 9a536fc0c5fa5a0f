"""Families whose language model is a causal decoder on embeddings, with the image tokens in the places of
their mark.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import chain
from typing import Any, Protocol, Self, runtime_checkable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, DynamicCache, GenerationConfig, PreTrainedModel

from splitter.families import DecoderBatch, Generative
from splitter.families.files.generation import plain
from splitter.families.padded_cache import PaddedCache, Prefix, left_padded, window

_WINDOWS: WeakKeyDictionary[PreTrainedModel, float] = WeakKeyDictionary()


@runtime_checkable
class Causal(Generative, Protocol):
    """The part of a family that speaks. Subclasses are whole families, and say where their decoder is."""

    auto: Any = AutoModelForImageTextToText

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        """The language model without its head; takes inputs_embeds, attention_mask, position_ids,
        past_key_values.
        """

    def language(self, model: PreTrainedModel) -> list[nn.Module]:
        """The modules that only read and write text: the image tokens do not depend on them."""
        return [part for part in (self.decoder(model), model.get_output_embeddings()) if part is not None]

    def image_features(self, model: PreTrainedModel, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, h, w) to image tokens (n, tokens, width) by the whole model's own code, and nothing
        of ours.
        """
        return torch.stack(list(model.get_image_features(self.pixel_values(pixels)).pooler_output))

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        """The language model's head: (..., width) to (..., vocabulary)."""
        return torch.as_tensor(model.lm_head(hidden))

    def pixel_values(self, pixels: Tensor) -> Tensor:
        """Pixels (tiles, 3, h, w) of a prompt's one picture, in the shape that the model's own forward
        takes.
        """
        return pixels

    def image_token(self, model: PreTrainedModel) -> int | None:
        return int(model.config.image_token_id)

    def stop_tokens(self, model: PreTrainedModel) -> tuple[int, ...]:
        stops = self.speaker(model).generation_config.eos_token_id
        return () if stops is None else tuple(stops) if isinstance(stops, list) else (stops,)

    def rows(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> DecoderBatch:
        return CausalBatch(self, model, self._embedded(model, prompts, image_tokens))

    def prefix_length(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        whole, end = self._window(model), self.picture_end(model, prompt)
        # Twice, since rows of long prefixes may be beside rows that read much behind theirs.
        return end if end < len(prompt) and 2 * len(prompt) <= whole else 0

    def picture_end(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        """How many tokens of a prompt there are up to its picture's last one; 0 without a picture."""
        mark = self.image_token(model)
        return max((place for place, token in enumerate(prompt, 1) if token == mark), default=0)

    def indivisible_length(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        return 0 if self._window(model) else len(prompt)

    def _embedded(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> Sequence[Tensor]:
        """Each prompt as (length, width), with the image tokens in the places of their mark."""
        ids = torch.tensor([*chain.from_iterable(prompts)], device=image_tokens.device)
        embeds: Tensor = self.decoder(model).get_input_embeddings()(ids)
        embeds[ids == self.image_token(model)] = image_tokens.flatten(0, 1).to(embeds.dtype)
        return torch.split(embeds, [len(prompt) for prompt in prompts])

    def _window(self, model: PreTrainedModel) -> float:
        """As `window` has it; kept with the model, since its cache is made layer by layer to know it."""
        decoder = self.decoder(model)
        if decoder not in _WINDOWS:
            _WINDOWS[decoder] = window(DynamicCache(config=decoder.config))
        return _WINDOWS[decoder]

    def resumed(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], prefixes: Sequence[Prefix]
    ) -> DecoderBatch:
        embed, (some, *_) = self.decoder(model).get_input_embeddings(), prefixes
        device = some.states[0][0].device
        left = [prompt[prefix.length :] for prompt, prefix in zip(prompts, prefixes, strict=True)]
        return CausalBatch(self, model, [embed(torch.tensor(ids, device=device)) for ids in left], prefixes)

    def inputs(self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor) -> dict[str, Tensor]:
        del model
        ids = torch.tensor([prompt])
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "pixel_values": self.pixel_values(pixels),
        }

    def generate(
        self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor, **options: Any
    ) -> Tensor:
        with generating_by(self.speaker(model), plain):
            return spoken_logits(model, self.inputs(model, prompt, pixels), options)


class CausalBatch:
    """Prompts of different lengths side by side."""

    def __init__(
        self,
        family: Causal,
        model: PreTrainedModel,
        embeds: Sequence[Tensor],
        prefixes: Sequence[Prefix] = (),
    ) -> None:
        """`embeds`: for each row its prompt as (length, width), or what it has behind its prefix."""
        self._family, self._model = family, model
        self._decoder = family.decoder(model)
        self._embeds = left_padded(embeds)
        mask = left_padded([torch.ones(len(row), 1, dtype=torch.long, device=row.device) for row in embeds])
        self.written = PaddedCache(DynamicCache(config=self._decoder.config), mask[..., 0], prefixes)

    def read(self, tokens: int) -> None:
        self._read(tokens)

    def prefill(self) -> Tensor:
        logits = self._read(self._embeds.shape[1])
        self.written.close_gaps()
        return logits

    def prefix(self, row: int, length: int) -> Prefix:
        return Prefix(self.written.states(row, length), length, length)

    def decode(self, tokens: Sequence[int]) -> Tensor:
        ids = torch.tensor(tokens, device=self.written.mask.device)[:, None]
        with self.written.intact():
            self.written.grow(1)
            embeds = self._decoder.get_input_embeddings()(ids)
            return self._logits(embeds, self.written.next_positions, 1)[:, -1]

    def keep(self, rows: Sequence[int]) -> None:
        self.written.keep(rows)

    def select(self, rows: Sequence[int]) -> Self:
        selected = copy(self)
        selected.written = self.written.select(rows)
        return selected

    def merge(self, other: Self) -> None:
        self.written.merge(other.written)

    def teacher_force(self, answers: Tensor) -> Tensor:
        answer_embeds = self._decoder.get_input_embeddings()(answers[:, :-1])
        self.written.grow(answer_embeds.shape[1])
        embeds = torch.cat([self._embeds, answer_embeds], 1)
        return self._logits(embeds, self.written.positions, answers.shape[1])

    def _read(self, columns: int) -> Tensor:
        """The logits (rows, vocabulary) behind so many more columns of the prompts."""
        unread = self._embeds.shape[1]
        positions = self.written.positions[:, -unread:][:, :columns]
        logits = self._logits(self._embeds[:, :columns], positions, 1)[:, -1]
        self._embeds = self._embeds[:, columns:].clone()  # a part of it would keep all of it alive
        return logits

    def _logits(self, embeds: Tensor, positions: Tensor, count: int) -> Tensor:
        """The logits (rows, count, vocabulary) behind the last tokens."""
        out = self._decoder(
            inputs_embeds=embeds,
            attention_mask=self.written.seen(embeds.shape[1]),
            position_ids=positions,
            past_key_values=self.written.cache,
            use_cache=True,
        )
        return self._family.logits(self._model, out.last_hidden_state[:, -count:])


@contextmanager
def generating_by(
    speaker: PreTrainedModel, rules: Callable[[GenerationConfig], GenerationConfig]
) -> Iterator[None]:
    """Let a model's `generate` follow what `rules` make of its own generation configuration."""
    own = speaker.generation_config
    speaker.generation_config = rules(own)
    try:
        yield
    finally:
        speaker.generation_config = own


def spoken_logits(model: PreTrainedModel, inputs: dict[str, Tensor], options: dict[str, Any]) -> Tensor:
    """Greedy answers of transformers' own `generate` to one prompt: the raw logits (steps, vocabulary) of
    each token that it chose.
    """
    out = model.generate(
        **inputs, do_sample=False, num_beams=1, return_dict_in_generate=True, output_logits=True, **options
    )
    return torch.cat(list(out.logits))
