"""BLIP-2: a vision transformer, a Q-Former that asks it with a few learnt queries, and OPT or T5 to speak."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import EncoderDecoderCache, PreTrainedModel

from protos.errors import CheckpointError
from splitter.families import CONNECTOR, IMAGE_TOKENS, Boundary, DecoderBatch, Step
from splitter.families.blip import BlipTower
from splitter.families.causal import Causal
from splitter.families.crossed import CrossAttentionBatch, padded
from splitter.families.processors import surrounded

QFORMER = "qformer"
_ASKED = "Question: {question} Answer:"


class Blip2(BlipTower, Causal):
    name = "blip-2"

    def after_layers(self, model: PreTrainedModel) -> Mapping[str, Step]:
        return {QFORMER: partial(self.query, model), CONNECTOR: partial(self.connect, model)}

    def query(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        """From behind the last vision layer to `{"queries": (n, queries, width)}`."""
        seen = model.vision_model.post_layernorm(boundary["hidden"])
        queries = model.query_tokens + torch.zeros_like(seen[:, :1, :1])
        answered = model.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state
        return {"queries": answered.to(seen.dtype)}  # the Q-Former stays in FP32 where the rest is FP16

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        return {IMAGE_TOKENS: model.language_projection(boundary["queries"])}

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        decoder: PreTrainedModel = model.language_model.get_decoder()
        return decoder

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        return torch.as_tensor(model.language_model.lm_head(hidden))

    def language(self, model: PreTrainedModel) -> list[nn.Module]:
        return [model.language_model]

    def rows(
        self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], image_tokens: Tensor
    ) -> DecoderBatch:
        if model.config.use_decoder_only_language_model:
            return super().rows(model, prompts, image_tokens)
        speaker = model.language_model
        embeds, mask = padded(self._embedded(model, prompts, image_tokens))
        read = speaker.get_encoder()(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        begun = torch.tensor([self.decoder_prompt(model, prompt) for prompt in prompts], device=read.device)
        return CrossAttentionBatch(partial(_decode, speaker), begun, read, mask)

    def prefix_length(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        # an encoder reads the picture and the question both ways
        return super().prefix_length(model, prompt) if model.config.use_decoder_only_language_model else 0

    def indivisible_length(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        decoder_only = model.config.use_decoder_only_language_model
        return super().indivisible_length(model, prompt) if decoder_only else len(prompt)

    def captioner_template(self, tokenizer: Any, written: str) -> str:
        # The picture comes before the beginning token; the question is put as BLIP-2's authors put it.
        return written + surrounded(tokenizer, _ASKED)

    def image_token(self, model: PreTrainedModel) -> int | None:
        if model.config.image_token_index is None:
            raise CheckpointError(
                "config.json has no image_token_index; give <image> an id there and in the tokenizer, as "
                "newer models do"
            )
        return super().image_token(model)

    def speaker(self, model: PreTrainedModel) -> PreTrainedModel:
        speaker: PreTrainedModel = model.language_model
        return speaker

    def decoder_prompt(self, model: PreTrainedModel, prompt: Sequence[int]) -> list[int]:
        if model.config.use_decoder_only_language_model:
            return list(prompt)
        return [self.speaker(model).generation_config.decoder_start_token_id]

    def own_text(self, _processor: object, question: str) -> str | None:
        return _ASKED.format(question=question)


def _decode(
    speaker: PreTrainedModel,
    ids: Tensor,
    _positions: Tensor,  # T5 counts from token to token
    mask: Tensor,
    states: Tensor,
    states_mask: Tensor,
    cache: EncoderDecoderCache,
) -> Tensor:
    written = {"decoder_attention_mask": mask, "past_key_values": cache}
    seen = {"encoder_outputs": (states,), "attention_mask": states_mask}
    return torch.as_tensor(speaker(decoder_input_ids=ids, use_cache=True, **written, **seen).logits)
