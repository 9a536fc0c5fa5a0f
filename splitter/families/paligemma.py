"""PaliGemma and PaliGemma 2: a SigLIP tower, one projection, a Gemma decoder that reads the whole prompt both
ways.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from protos.text.prompt import QUESTION
from protos.text.template import literal
from splitter.families import IMAGE_TOKENS, Boundary
from splitter.families.forward import Forward
from splitter.families.processors import OneTile


class SiglipGemma(OneTile, Forward):
    """A whole SigLIP tower and a projector in front of a decoder."""

    def depth(self, model: PreTrainedModel) -> int:
        return len(model.model.vision_tower.encoder.layers)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        return {"hidden": model.model.vision_tower.embeddings(pixels)}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.model.vision_tower.encoder.layers[index](boundary["hidden"], None)}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        normed = model.model.vision_tower.post_layernorm(boundary["hidden"])
        return {IMAGE_TOKENS: model.model.multi_modal_projector(normed)}

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side


class PaliGemma(SiglipGemma):
    name = "paligemma"
    answer_type = 1  # behind the prefix, read one way

    def prefix_length(self, _model: PreTrainedModel, _prompt: Sequence[int]) -> int:
        return 0  # the picture's tokens look at the question

    def indivisible_length(self, _model: PreTrainedModel, prompt: Sequence[int]) -> int:
        return len(prompt)

    def types(self, _model: PreTrainedModel, ids: Tensor) -> dict[str, Tensor]:
        return {"token_type_ids": torch.zeros_like(ids)}  # a prompt is all prefix, which is read both ways

    def positions(self, model: PreTrainedModel, ids: Tensor, mask: Tensor) -> Tensor:
        return super().positions(model, ids, mask) + 1  # counted from 1

    def own_text(self, processor: Any, question: str) -> str | None:
        return f"{processor.image_token}{question}"

    def captioner_template(self, tokenizer: Any, written: str) -> str:
        return f"{written}{literal(tokenizer.bos_token)}{QUESTION}\n"
