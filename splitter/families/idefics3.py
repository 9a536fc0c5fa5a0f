"""Idefics3 and SmolVLM: a SigLIP tower, a pixel shuffle with one projection, a Llama decoder; pictures whole,
or in tiles too.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from protos.text.template import literal
from splitter.families import IMAGE_TOKENS, Boundary, Processor
from splitter.families.causal import Causal
from splitter.families.files.image_values import check_resized, resize_filter
from splitter.families.processors import OneTile, normalisation

_LONGEST_OF_ALL = 4096  # the processor's own bound on an edge


class Idefics3(OneTile, Causal):
    name = "idefics3"

    def depth(self, model: PreTrainedModel) -> int:
        return len(model.model.vision_model.encoder.layers)

    def complete(self, model: PreTrainedModel, _folder: Path) -> PreTrainedModel:
        embeddings = model.model.vision_model.embeddings
        positions = position_ids(embeddings.num_patches_per_side)
        embeddings.register_buffer(
            "fixed_positions", positions.to(embeddings.position_embedding.weight.device), persistent=False
        )
        return model

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        embeddings = model.model.vision_model.embeddings
        patches = embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
        return {"hidden": patches + embeddings.position_embedding(embeddings.fixed_positions)}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.model.vision_model.encoder.layers[index](boundary["hidden"], None)}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        normed = model.model.vision_model.post_layernorm(boundary["hidden"])
        return {IMAGE_TOKENS: model.model.connector(normed)}

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        return model.model.text_model

    def pixel_values(self, pixels: Tensor) -> Tensor:
        return pixels[None]

    def image_features(self, model: PreTrainedModel, pixels: Tensor) -> Tensor:
        return torch.stack(list(model.get_image_features(pixels[:, None]).pooler_output))

    def pixels(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        # One by one: together, those of fewer tiles would be filled up with empty ones.
        return torch.cat([super(Idefics3, self).pixels(processor, [picture]) for picture in pictures])

    def resized(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        images = processor.image_processor
        return (
            [_smaller(images, picture) for picture in pictures]
            if _splits(images)
            else super().resized(processor, pictures)
        )

    def preprocessing(self, processor: Processor) -> pb.Preprocessing:
        images = processor.image_processor
        _check(images)
        steps, resample = normalisation(images), resize_filter(images)
        longest, side = images.size["longest_edge"], images.max_image_size["longest_edge"]
        steps.resizes.add(filter=resample, longest_edge=longest)
        if _splits(images):
            steps.tiles.CopyFrom(pb.Tiles(side=side, max=math.ceil(longest / side) ** 2 + 1, filter=resample))
        else:
            steps.resizes.add(filter=resample, height=side, width=side)
        return steps

    def written(self, tokenizer: Any, tokens: str) -> str:
        around = _around(tokenizer)
        return f"{around}{getattr(tokenizer, 'global_image_token', '<global-img>')}{tokens}{around}"

    def picture_text(self, model: PreTrainedModel, processor: Processor) -> pb.PictureText | None:
        if not _splits(processor.image_processor):
            return None
        tokenizer = processor.tokenizer
        tokens = self.marks(model, tokenizer.convert_ids_to_tokens(self.image_token(model)))
        tile = f"{literal(_around(tokenizer))}<row_{{row}}_col_{{column}}>{literal(tokens)}"
        whole = self.written(tokenizer, tokens)
        return pb.PictureText(alone=whole, tile=tile, row_end="\n", whole=f"\n{whole}")

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side


class SmolVLM(Idefics3):
    name = "smolvlm"


def position_ids(side: int) -> Tensor:
    """The positions of the patches of a whole square picture, so many a side, as the family's own embeddings
    find them.

    They put each patch into a bucket of fractions, and for some numbers a side rounding puts two patches into
    one.
    """
    boundaries = torch.arange(1 / side, 1.0, 1 / side)
    fractions = torch.arange(side, dtype=torch.float32) * (1.0 / torch.tensor(side))
    buckets = torch.bucketize(fractions.clamp(max=1.0 - 1e-6), boundaries, right=True)
    return (buckets[:, None] * side + buckets).flatten()


def _splits(images: Any) -> bool:
    """Whether a processor makes more than one tile of a picture."""
    return (
        bool(images.do_image_splitting)
        and images.size["longest_edge"] > images.max_image_size["longest_edge"]
    )


def _check(images: Any) -> None:
    """A device may upload what it has resized, and the cloud's own processor must then leave that as it
    is.
    """
    check_resized(images)
    longest = images.size["longest_edge"]
    if _splits(images) and (longest % 2 or longest > _LONGEST_OF_ALL):
        message = (
            f"this processor resizes to a longest edge of {longest} before it makes tiles; only even "
            f"ones up to {_LONGEST_OF_ALL} are"
        )
        raise CheckpointError(
            f"{message} supported yet: change size in preprocessor_config.json", longest_edge=longest
        )


def _smaller(images: Any, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture after the first resize, or before it where that is smaller: the same tiles come of both."""
    resized = images.resize(picture.transpose(2, 0, 1), images.size, images.resample).transpose(1, 2, 0)
    return np.ascontiguousarray(min(picture, resized, key=np.size))


def _around(tokenizer: Any) -> str:
    return str(getattr(tokenizer, "fake_image_token", "<fake_token_around_image>"))
