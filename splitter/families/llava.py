"""LLaVA: a CLIP or SigLIP tower up to one of its layers, two projections, any causal decoder."""

from torch import Tensor
from transformers import PreTrainedModel

from protos.errors import CheckpointError
from splitter.families import IMAGE_TOKENS, Boundary, feature_depth
from splitter.families.causal import Causal
from splitter.families.processors import OneTile

_TOWERS = ("clip_vision_model", "siglip_vision_model")


class Llava(OneTile, Causal):
    name = "llava"

    def depth(self, model: PreTrainedModel) -> int:
        tower = model.config.vision_config.model_type
        if tower not in _TOWERS:
            raise CheckpointError(
                f"a LLaVA with a vision tower of type {tower} cannot be split yet; known types: "
                f"{', '.join(_TOWERS)}"
            )
        return feature_depth(len(model.model.vision_tower.encoder.layers), model.config.vision_feature_layer)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        tower = model.model.vision_tower
        embedded = tower.embeddings(pixels)
        return {"hidden": tower.pre_layrnorm(embedded) if hasattr(tower, "pre_layrnorm") else embedded}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.model.vision_tower.encoder.layers[index](boundary["hidden"], None)}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        # "default" drops the first position, CLIP's class token, whatever the tower is: so does the family.
        first = 1 if model.config.vision_feature_select_strategy == "default" else 0
        return {IMAGE_TOKENS: model.model.multi_modal_projector(boundary["hidden"][:, first:])}

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        return model.model.language_model

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side
