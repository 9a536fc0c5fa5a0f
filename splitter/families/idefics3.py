"""Idefics3 and SmolVLM: a SigLIP tower, a pixel shuffle with one projection, a Llama decoder. One tile, no splitting."""

from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from splitter.families import IMAGE_TOKENS, Boundary
from splitter.families.causal import Causal
from splitter.families.processors import FILTERS, OneTile, Processor


class Idefics3(OneTile, Causal):
    name = "idefics3"

    def depth(self, model: PreTrainedModel) -> int:
        return len(model.model.vision_model.encoder.layers)

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        # A square picture without padding meets every position once, in order: the family's own bucketing gives 0..n-1.
        embeddings = model.model.vision_model.embeddings
        patches = embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
        return {"hidden": patches + embeddings.position_embedding.weight}

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        return {"hidden": model.model.vision_model.encoder.layers[index](boundary["hidden"], None)}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        normed = model.model.vision_model.post_layernorm(boundary["hidden"])
        return {IMAGE_TOKENS: model.model.connector(normed)}

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        return model.model.text_model

    def pixel_values(self, pixels: Tensor) -> Tensor:
        return pixels[:, None]  # a prompt may have several tiles

    def preprocessing(self, processor: Processor) -> pb.Preprocessing:
        images = processor.image_processor
        if images.do_image_splitting:
            raise CheckpointError("this processor splits pictures into tiles, which is not supported yet; set do_image_splitting to false")
        side = images.max_image_size["longest_edge"]
        resample = FILTERS[int(images.resample)]
        return pb.Preprocessing(
            resizes=[
                pb.Resize(filter=resample, longest_edge=images.size["longest_edge"]),
                pb.Resize(filter=resample, height=side, width=side),
            ],
            rescale=images.rescale_factor,
            mean=images.image_mean,
            std=images.image_std,
        )

    def written(self, tokenizer: Any, tokens: str) -> str:
        around = getattr(tokenizer, "fake_image_token", "<fake_token_around_image>")
        return f"{around}{getattr(tokenizer, 'global_image_token', '<global-img>')}{tokens}{around}"

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side


class SmolVLM(Idefics3):
    name = "smolvlm"
