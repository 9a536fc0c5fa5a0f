"""BLIP: a vision transformer with class token, and a BERT that looks at it: to caption it, or to read and
answer a question.
"""

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForImageTextToText,
    AutoModelForVisualQuestionAnswering,
    EncoderDecoderCache,
    PreTrainedModel,
)

from protos.text.prompt import QUESTION
from splitter.families import IMAGE_TOKENS, Boundary, DecoderBatch, Processor
from splitter.families.causal import generating_by, spoken_logits
from splitter.families.crossed import CrossAttentionBatch, padded
from splitter.families.files.generation import plain
from splitter.families.processors import OneTile, surrounded


class BlipTower(OneTile, Protocol):
    """The vision transformer that BLIP and BLIP-2 share."""

    def depth(self, model: PreTrainedModel) -> int:
        return len(model.vision_model.encoder.layers)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        return {"hidden": model.vision_model.embeddings(pixels)}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.vision_model.encoder.layers[index](boundary["hidden"])}

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side


class Blip(BlipTower):
    """Captions: the decoder looks at the tower's output, and no question is asked."""

    name = "blip"
    auto: Any = AutoModelForImageTextToText

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        return {IMAGE_TOKENS: model.vision_model.post_layernorm(boundary["hidden"])}

    def rows(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> DecoderBatch:
        begun = torch.tensor(
            [self.decoder_prompt(model, prompt) for prompt in prompts], device=image_tokens.device
        )
        return CrossAttentionBatch(partial(_decode, model), begun, image_tokens, _everywhere(image_tokens))

    def inputs(self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor) -> dict[str, Tensor]:
        del model
        ids = torch.tensor([prompt])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}

    def speaker(self, model: PreTrainedModel) -> PreTrainedModel:
        speaker: PreTrainedModel = model.text_decoder
        return speaker

    def decoder_prompt(self, model: PreTrainedModel, prompt: Sequence[int]) -> list[int]:
        # [CLS] and [SEP] in the prompt: transformers puts the decoder's own first token for the one, and
        # drops the other.
        return [model.config.text_config.bos_token_id, *prompt[1:-1]]

    def own_text(self, _processor: Processor, _question: str) -> str | None:
        return ""

    def generate(
        self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor, **options: Any
    ) -> Tensor:
        # The model sets eos_token_id itself, to that of `stop_tokens`.
        given = {name: value for name, value in options.items() if name != "eos_token_id"}
        with generating_by(self.speaker(model), plain):
            return spoken_logits(model, self.inputs(model, prompt, pixels), given)

    def prompt_template(self, _model: PreTrainedModel, processor: Processor) -> str:
        return surrounded(processor.tokenizer, "")

    def image_token(self, _model: PreTrainedModel) -> int | None:
        return None

    def stop_tokens(self, model: PreTrainedModel) -> tuple[int, ...]:
        return (int(model.config.text_config.sep_token_id),)


class BlipQuestions(Blip):
    """Answers: an encoder reads the question while it looks at the picture, and the decoder looks at the
    question so read.
    """

    name = "blip-vqa"
    auto: Any = AutoModelForVisualQuestionAnswering

    def rows(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> DecoderBatch:
        ids, mask = padded([torch.tensor(prompt, device=image_tokens.device) for prompt in prompts])
        read = model.text_encoder(
            input_ids=ids,
            attention_mask=mask,
            encoder_hidden_states=image_tokens,
            encoder_attention_mask=_everywhere(image_tokens),
        )
        begun = torch.tensor(
            [self.decoder_prompt(model, prompt) for prompt in prompts], device=image_tokens.device
        )
        return CrossAttentionBatch(partial(_decode, model), begun, read.last_hidden_state, mask)

    def decoder_prompt(self, model: PreTrainedModel, _prompt: Sequence[int]) -> list[int]:
        return [model.config.text_config.bos_token_id]

    def own_text(self, _processor: Processor, question: str) -> str | None:
        return question

    def prompt_template(self, _model: PreTrainedModel, processor: Processor) -> str:
        return surrounded(processor.tokenizer, QUESTION)


def _decode(
    model: PreTrainedModel,
    ids: Tensor,
    positions: Tensor,
    mask: Tensor,
    states: Tensor,
    states_mask: Tensor,
    cache: EncoderDecoderCache,
) -> Tensor:
    written = {"position_ids": positions, "attention_mask": mask, "past_key_values": cache}
    seen = {"encoder_hidden_states": states, "encoder_attention_mask": states_mask}
    with contextlib.ExitStack() as hooks:
        for layer in model.text_decoder.bert.encoder.layer:
            hooks.enter_context(
                layer.crossattention.self.register_forward_pre_hook(_mind_mask, with_kwargs=True)
            )
        return torch.as_tensor(model.text_decoder(input_ids=ids, use_cache=True, **written, **seen).logits)


def _mind_mask(
    _attention: nn.Module, inputs: tuple[Tensor, ...], options: dict[str, Any]
) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """Give a cross-attention its mask, which transformers 5.23 hands it under the name of another: padding
    would be looked at.
    """
    return inputs, options | {"encoder_attention_mask": options["attention_mask"]}


def _everywhere(image_tokens: Tensor) -> Tensor:
    """The mask that leaves no image token out."""
    return torch.ones(image_tokens.shape[:2], dtype=torch.long, device=image_tokens.device)
