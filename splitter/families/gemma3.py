"""Gemma 3: a SigLIP tower, its positions averaged in squares, one projection, a decoder that reads each
picture both ways.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from splitter.families.paligemma import SiglipGemma


class Gemma3(SiglipGemma):
    name = "gemma3"

    def indivisible_length(self, model: PreTrainedModel, prompt: Sequence[int]) -> int:
        return self.picture_end(model, prompt)

    def types(self, model: PreTrainedModel, ids: Tensor) -> dict[str, Tensor]:
        return {"token_type_ids": (ids == model.config.image_token_id).long()}

    def mark(self, tokenizer: Any, _image: str) -> str:
        return str(tokenizer.boi_token)

    def written(self, tokenizer: Any, tokens: str) -> str:
        return f"\n\n{tokenizer.boi_token}{tokens}{tokenizer.eoi_token}\n\n"
