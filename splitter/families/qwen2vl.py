"""Qwen2-VL and Qwen2.5-VL on one fixed size of pictures: a transformer with rotary positions, a merger, a
decoder with three axes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2_vl.modeling_qwen2_vl import (
    apply_rotary_pos_emb_vision,
    eager_attention_forward,
)
from transformers.vision_utils import get_vision_position_ids, get_vision_window_index

from protos import bundle_pb2 as pb
from splitter.families import IMAGE_TOKENS, Boundary, Processor, fixed_grid
from splitter.families.forward import Forward
from splitter.families.loading import load_processor
from splitter.families.processors import OneTile


class Qwen2VL(OneTile, Forward):
    name = "qwen2_vl"

    def complete(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        visual, config = model.model.visual, model.config.vision_config
        images = load_processor(folder).image_processor
        height, width = fixed_grid.fixed_size(images, getattr(config, "window_size", 0))
        grid = torch.tensor([[1, height // config.patch_size, width // config.patch_size]])
        positions = get_vision_position_ids(grid, config.spatial_merge_size).to(
            visual.patch_embed.proj.weight.device
        )
        visual.register_buffer("fixed_grid", grid, persistent=False)
        visual.register_buffer(
            "fixed_rotary", torch.stack(visual.rotary_pos_emb(positions, positions)), persistent=False
        )
        # The frames of a still picture are alike, so that their weights may be added: a plain convolution is
        # left.
        visual.register_buffer(
            "fixed_projection", visual.patch_embed.proj.weight.detach().sum(2), persistent=False
        )
        return model

    def windows(self, _model: PreTrainedModel, _index: int) -> int:
        """How many parts of a picture's tokens look each only at themselves in vision layer `index`."""
        return 1

    def depth(self, model: PreTrainedModel) -> int:
        return len(model.model.visual.blocks)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        weight, bias = model.model.visual.fixed_projection, model.model.visual.patch_embed.proj.bias
        grid = nn.functional.conv2d(pixels, weight, bias, stride=weight.shape[2:])
        return {"hidden": fixed_grid.merged_order(grid, model.config.vision_config.spatial_merge_size)}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        block, hidden = model.model.visual.blocks[index], boundary["hidden"]
        hidden = hidden + _attend(
            block.attn, block.norm1(hidden), model.model.visual.fixed_rotary, self.windows(model, index)
        )
        return {"hidden": hidden + block.mlp(block.norm2(hidden))}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        merger = model.model.visual.merger
        return {IMAGE_TOKENS: merger.mlp(self.cells(model, merger.ln_q(boundary["hidden"])).flatten(2))}

    def cells(self, model: PreTrainedModel, tokens: Tensor) -> Tensor:
        """Tokens (n, tokens, width) in those that become one image token: (n, cells, merge * merge,
        width).
        """
        merge = model.config.vision_config.spatial_merge_size
        return tokens.reshape(tokens.shape[0], -1, merge * merge, tokens.shape[2])

    def positions(self, model: PreTrainedModel, ids: Tensor, mask: Tensor) -> Tensor:
        types, grids = self._types(model, ids), model.model.visual.fixed_grid.expand(len(ids), 3)
        found: Tensor = model.model.get_rope_index(
            ids, mm_token_type_ids=types, image_grid_thw=grids, attention_mask=mask
        )[0]
        return found

    def encoded(self, _model: PreTrainedModel, image_tokens: Tensor) -> BaseModelOutputWithPooling:
        return BaseModelOutputWithPooling(pooler_output=tuple(image_tokens))

    def image_features(self, model: PreTrainedModel, pixels: Tensor) -> Tensor:
        return torch.stack(list(model.get_image_features(**self._film(model, pixels)).pooler_output))

    def inputs(self, model: PreTrainedModel, prompt: Sequence[int], pixels: Tensor) -> dict[str, Tensor]:
        ids = torch.tensor([prompt])
        told = {"attention_mask": torch.ones_like(ids), "mm_token_type_ids": self._types(model, ids)}
        return {"input_ids": ids} | told | self._film(model, pixels)

    def own_picture(
        self, processor: Processor, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        # its own resize does not take the size that is written into its file
        return self.resized(processor, [picture])[0], {"do_resize": False}

    def pixels(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        images = processor.image_processor
        compile_loops = self.resized(processor, pictures)
        made = images(compile_loops, do_resize=False, return_tensors="pt", input_data_format="channels_last")
        grid = made["image_grid_thw"][0, 1:].tolist()
        return fixed_grid.planes(
            made["pixel_values"], grid, images.patch_size, images.merge_size, images.temporal_patch_size
        )

    def resized(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        return fixed_grid.resized(processor.image_processor, pictures)

    def preprocessing(self, processor: Processor) -> pb.Preprocessing:
        fixed_grid.fixed_size(processor.image_processor)
        return super().preprocessing(processor)

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        _, high, wide = model.model.visual.fixed_grid[0].tolist()
        side = model.config.vision_config.patch_size
        return 3, high * side, wide * side

    def _film(self, model: PreTrainedModel, pixels: Tensor) -> dict[str, Tensor]:
        """Pixels (n, 3, h, w) as the model's own forward takes them: what the processor makes."""
        config = model.config.vision_config
        rows = fixed_grid.patches(
            pixels, config.patch_size, config.spatial_merge_size, config.temporal_patch_size
        )
        return {"pixel_values": rows, "image_grid_thw": model.model.visual.fixed_grid.expand(len(pixels), 3)}

    def _types(self, model: PreTrainedModel, ids: Tensor) -> Tensor:
        return torch.eq(ids, model.config.image_token_id).int()


class Qwen25VL(Qwen2VL):
    """Most layers look no further than a window of the picture; the patches of a window lie next to each
    other.
    """

    name = "qwen2_5_vl"

    def complete(self, model: PreTrainedModel, folder: Path) -> PreTrainedModel:
        model = super().complete(model, folder)
        visual, config = model.model.visual, model.config.vision_config
        cells, bounds = get_vision_window_index(
            visual.fixed_grid, config.spatial_merge_size, config.window_size, config.patch_size
        )
        visual.fixed_windows = len(bounds) - 1
        visual.register_buffer("fixed_order", cells.to(visual.fixed_rotary.device), persistent=False)
        visual.register_buffer("fixed_return", visual.fixed_order.argsort(), persistent=False)
        visual.fixed_rotary = self._windowed(model, visual.fixed_rotary)
        return model

    def windows(self, model: PreTrainedModel, index: int) -> int:
        return (
            1
            if index in model.config.vision_config.fullatt_block_indexes
            else int(model.model.visual.fixed_windows)
        )

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        return {"hidden": self._windowed(model, super().embed(model, pixels)["hidden"])}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        return {
            IMAGE_TOKENS: super().connect(model, boundary)[IMAGE_TOKENS][:, model.model.visual.fixed_return]
        }

    def _windowed(self, model: PreTrainedModel, tokens: Tensor) -> Tensor:
        """Tokens (n, tokens, width) so that those of a window lie next to each other."""
        return self.cells(model, tokens)[:, model.model.visual.fixed_order].flatten(1, 2)


def _attend(attention: Any, hidden: Tensor, rotary: Tensor, windows: int) -> Tensor:
    """The model's attention on a batch (n, tokens, width); its own takes pictures one after another, as one
    sequence with marks.
    """
    count, tokens, width = hidden.shape
    parts = attention.qkv(hidden).reshape(count, tokens, 3, attention.num_heads, -1).unbind(2)
    turned = [*apply_rotary_pos_emb_vision(*parts[:2], *rotary), parts[2]]
    queries, keys, values = (
        part.reshape(-1, tokens // windows, *part.shape[2:]).transpose(1, 2) for part in turned
    )
    attend = ALL_ATTENTION_FUNCTIONS.get_interface(
        attention.config._attn_implementation,  # noqa: SLF001
        eager_attention_forward,
    )
    mixed = attend(attention, queries, keys, values, None, scaling=attention.scaling, is_causal=False)[0]
    return torch.as_tensor(attention.proj(mixed.reshape(count, tokens, width)))
