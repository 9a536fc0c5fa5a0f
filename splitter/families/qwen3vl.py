"""Qwen3-VL on one fixed size of pictures: what some vision layers see goes to the first layers of the decoder
too (deepstack).
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.qwen3_vl.modeling_qwen3_vl import BaseModelOutputWithDeepstackFeatures
from transformers.vision_utils import get_vision_interpolation_indices_and_weights

from splitter.families import IMAGE_TOKENS, Boundary
from splitter.families.qwen2vl import Qwen2VL


class Qwen3VL(Qwen2VL):
    """An image token is as wide as all that the decoder takes of it: its embedding, then what is added behind
    each first layer.
    """

    name = "qwen3_vl"

    def complete(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        model = super().complete(model, folder)
        visual = model.model.visual
        places, weights = get_vision_interpolation_indices_and_weights(
            visual.fixed_grid,
            num_grid_per_side=visual.num_grid_per_side,
            mode=visual.interpolation_mode,
            align_corners=visual.interpolation_align_corners,
            spatial_merge_size=visual.spatial_merge_size,
        )
        table = visual.pos_embed.weight.detach()
        learned = (table[places.to(table.device)] * weights.to(table.device)[:, :, None]).sum(1)
        visual.register_buffer("fixed_positions", learned.to(table.dtype), persistent=False)
        return model

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        return {"hidden": super().embed(model, pixels)["hidden"] + model.model.visual.fixed_positions}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        visual, reached = model.model.visual, boundary | super().layer(model, index, boundary)
        if index in visual.deepstack_visual_indexes:
            number = visual.deepstack_visual_indexes.index(index)
            reached[f"deepstack_{number}"] = self._merged(
                model, visual.deepstack_merger_list[number], reached["hidden"]
            )
        return reached

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        deep = [boundary[f"deepstack_{number}"] for number in range(len(boundary) - 1)]
        return {
            IMAGE_TOKENS: torch.cat(
                [self._merged(model, model.model.visual.merger, boundary["hidden"]), *deep], -1
            )
        }

    def _merged(self, model: PreTrainedModel, merger: Any, hidden: Tensor) -> Tensor:
        """Tokens (n, tokens, width) to what the decoder takes of them (n, cells, width)."""
        if merger.use_postshuffle_norm:
            cells = merger.norm(self.cells(model, hidden).flatten(2))
        else:
            cells = self.cells(model, merger.norm(hidden)).flatten(2)
        return torch.as_tensor(merger.linear_fc2(merger.act_fn(merger.linear_fc1(cells))))

    def encoded(self, model: PreTrainedModel, image_tokens: Tensor) -> BaseModelOutputWithDeepstackFeatures:
        parts = [
            tuple(part) for part in torch.split(image_tokens, model.config.vision_config.out_hidden_size, -1)
        ]
        return BaseModelOutputWithDeepstackFeatures(pooler_output=parts[0], deepstack_features=parts[1:])

    def image_features(self, model: PreTrainedModel, pixels: Tensor) -> Tensor:
        out = model.get_image_features(**self._film(model, pixels))
        return torch.cat(
            [torch.stack(list(part)) for part in (out.pooler_output, *out.deepstack_features)], -1
        )
