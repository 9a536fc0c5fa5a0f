"""CLIP and SigLIP: dual encoders, a tower for pictures and one for texts, which end in the same space.

CLIP's embedding is the class token behind the last norm (`pooled`), then projected (`projection`). SigLIP has
no projection: what its attention-pooling head makes of all positions is the embedding, so `pooled` is its
last cut.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel, PreTrainedModel

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from splitter.families import EMBEDDING, POOLED, PROJECTION, Boundary, Matching, Step
from splitter.families.processors import OnePicture


class Clip(OnePicture, Matching):
    name = "clip"
    auto = AutoModel
    template = "a photo of a {label}"

    def depth(self, model: PreTrainedModel) -> int:
        return len(model.vision_model.encoder.layers)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        tower = model.vision_model
        return {"hidden": tower.pre_layrnorm(tower.embeddings(pixels))}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.vision_model.encoder.layers[index](boundary["hidden"], None)}

    def after_layers(self, model: PreTrainedModel) -> Mapping[str, Step]:
        return {POOLED: partial(self._pool, model), PROJECTION: partial(self._project, model)}

    def scoring(self, model: PreTrainedModel) -> pb.Matching:
        return pb.Matching(
            kind=pb.Matching.SOFTMAX, scale=model.logit_scale.exp().item(), width=model.config.projection_dim
        )

    def text_length(self, model: PreTrainedModel) -> int:
        return int(model.config.text_config.max_position_embeddings)

    def picture_embedding(self, model: PreTrainedModel, pixels: Tensor) -> Tensor:
        return torch.as_tensor(model.get_image_features(pixel_values=pixels).pooler_output)

    def text_embedding(self, model: PreTrainedModel, ids: Tensor) -> Tensor:
        return torch.as_tensor(model.get_text_features(input_ids=ids).pooler_output)

    def text_tower(self, model: PreTrainedModel, ids: Tensor, embeds: Tensor) -> Tensor:
        """A text's embedding is that of its end token; no position sees a later one, so what pads it does not
        count.
        """
        length, end = ids.shape[1], model.config.text_config.eos_token_id
        hidden = _through(model.text_model, embeds, torch.full((length, length), float("-inf")).triu(1))
        # Checkpoints from before transformers mended it say 2: there the end token is the greatest of all.
        ends = ids.argmax(1) if end == 2 else (ids == end).int().argmax(1)
        chosen = (torch.arange(length) == ends[:, None]).to(hidden.dtype)
        return torch.as_tensor(model.text_projection(chosen[:, None] @ hidden).flatten(1))

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side

    def _pool(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        return {POOLED: model.vision_model.post_layernorm(boundary["hidden"][:, :1])}

    def _project(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        return {EMBEDDING: model.visual_projection(boundary[POOLED])}


class Siglip(Clip):
    name = "siglip"
    template = "this is a photo of {label}."

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        return {"hidden": model.vision_model.embeddings(pixels)}

    def after_layers(self, model: PreTrainedModel) -> Mapping[str, Step]:
        if not model.config.vision_config.vision_use_head:
            raise CheckpointError(
                "this SigLIP has no pooling head (vision_use_head is false), so no embedding of a picture"
            )
        return {POOLED: partial(self._pool, model)}

    def scoring(self, model: PreTrainedModel) -> pb.Matching:
        scale, bias = model.logit_scale.exp().item(), model.logit_bias.item()
        return pb.Matching(
            kind=pb.Matching.SIGMOID, scale=scale, bias=bias, width=model.config.vision_config.hidden_size
        )

    def text_tower(self, model: PreTrainedModel, _ids: Tensor, embeds: Tensor) -> Tensor:
        """A text's embedding is that of the last position, which is padding: every position sees all
        others.
        """
        return torch.as_tensor(
            model.text_model.head(_through(model.text_model, embeds, None)[:, -1:]).flatten(1)
        )

    def _pool(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        tower = model.vision_model
        return {EMBEDDING: _attended(tower.head, tower.post_layernorm(boundary["hidden"]))}


def _attended(head: Any, hidden: Tensor) -> Tensor:
    """SigLIP's pooling head: all positions (n, positions, width) to one (n, 1, width).

    Its own code repeats the probe for every row; an exported piece would count the rows of the pixels, which
    it does not have.
    """
    attention, width = head.attention, hidden.shape[-1]
    parts = [slice(start, start + width) for start in range(0, 3 * width, width)]
    projected = (
        functional.linear(source, attention.in_proj_weight[part], attention.in_proj_bias[part])
        for source, part in zip((head.probe, hidden, hidden), parts, strict=True)
    )
    query, key, value = (
        torch.unflatten(one, -1, (attention.num_heads, -1)).transpose(1, 2) for one in projected
    )
    shares = torch.softmax(query @ key.transpose(2, 3) * query.shape[-1] ** -0.5, -1)
    pooled = attention.out_proj((shares @ value).transpose(1, 2).flatten(2))
    return torch.as_tensor(pooled + head.mlp(head.layernorm(pooled)))


def _through(tower: PreTrainedModel, embeds: Tensor, mask: Tensor | None) -> Tensor:
    """A text tower's layers and its last norm: (n, length, width)."""
    hidden = tower.embeddings(inputs_embeds=embeds)
    for layer in tower.encoder.layers:
        hidden = layer(hidden, mask)
    return torch.as_tensor(tower.final_layer_norm(hidden))
