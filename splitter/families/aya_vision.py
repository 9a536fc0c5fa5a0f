"""Aya Vision: a SigLIP tower up to one of its layers, a pixel shuffle and a gated projection, a Cohere
decoder.
"""

from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from splitter.families import IMAGE_TOKENS, Boundary, feature_depth
from splitter.families.causal import Causal
from splitter.families.processors import OneTile

_BEFORE, _AFTER = "<|START_OF_IMG|>TILE_GLOBAL", "<|END_OF_IMG|>"


class AyaVision(OneTile, Causal):
    name = "aya_vision"

    def depth(self, model: PreTrainedModel) -> int:
        return feature_depth(len(model.model.vision_tower.encoder.layers), model.config.vision_feature_layer)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        return {"hidden": model.model.vision_tower.embeddings(pixels)}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.model.vision_tower.encoder.layers[index](boundary["hidden"], None)}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        first = 1 if model.config.vision_feature_select_strategy == "default" else 0
        return {IMAGE_TOKENS: model.model.multi_modal_projector(boundary["hidden"][:, first:]).flatten(1, 2)}

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        return model.model.language_model

    def mark(self, _tokenizer: Any, _image: str) -> str:
        return "<image>"

    def written(self, _tokenizer: Any, tokens: str) -> str:
        return _BEFORE + tokens + _AFTER

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side
