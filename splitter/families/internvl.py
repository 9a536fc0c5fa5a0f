"""InternVL: its own vision transformer with class token and layer scale, a pixel shuffle, a projector, any
causal decoder.
"""

from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from splitter.families import IMAGE_TOKENS, Boundary, feature_depth
from splitter.families.causal import Causal
from splitter.families.processors import OneTile


class InternVL(OneTile, Causal):
    name = "internvl"

    def depth(self, model: PreTrainedModel) -> int:
        return feature_depth(len(model.model.vision_tower.encoder.layer), model.config.vision_feature_layer)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        return {"hidden": model.model.vision_tower.embeddings(pixels)}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.model.vision_tower.encoder.layer[index](boundary["hidden"])}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        config, hidden = model.config, boundary["hidden"]
        # any other layer's features are taken without the tower's last norm
        if config.vision_feature_layer == -1:
            hidden = model.model.vision_tower.layernorm(hidden)
        if config.vision_feature_select_strategy == "default":
            hidden = hidden[:, 1:]
        side = int(hidden.shape[1] ** 0.5)
        shuffled = model.model.pixel_shuffle(
            hidden.reshape(-1, side, side, hidden.shape[2]), scale_factor=config.downsample_ratio
        )
        return {IMAGE_TOKENS: model.model.multi_modal_projector(shuffled.flatten(1, 2))}

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        return model.model.language_model

    def written(self, tokenizer: Any, tokens: str) -> str:
        return (
            getattr(tokenizer, "start_image_token", "") + tokens + getattr(tokenizer, "end_image_token", "")
        )

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        height, width = model.config.vision_config.image_size
        return 3, height, width
