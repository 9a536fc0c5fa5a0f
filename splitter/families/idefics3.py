"""Idefics3 and SmolVLM: a SigLIP tower, a pixel shuffle with one projection, a Llama decoder. One tile, no splitting."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, ProcessorMixin

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from splitter.families import IMAGE_TOKENS, Boundary

_FILTERS = {1: pb.Resize.LANCZOS, 2: pb.Resize.BILINEAR, 3: pb.Resize.BICUBIC}  # Pillow's numbers


class Idefics3:
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

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        return torch.as_tensor(model.lm_head(hidden))

    def pixels(self, processor: ProcessorMixin, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        return _process(processor, pictures)

    def resized(self, processor: ProcessorMixin, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        plain = _process(processor, pictures, do_rescale=False, do_normalize=False)
        return list(plain.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy())

    def preprocessing(self, processor: ProcessorMixin) -> pb.Preprocessing:
        images = processor.image_processor
        if images.do_image_splitting:
            raise CheckpointError("this processor splits pictures into tiles, which is not supported yet; set do_image_splitting to false")
        side = images.max_image_size["longest_edge"]
        resample = _FILTERS[int(images.resample)]
        return pb.Preprocessing(
            resizes=[
                pb.Resize(filter=resample, longest_edge=images.size["longest_edge"]),
                pb.Resize(filter=resample, height=side, width=side),
            ],
            rescale=images.rescale_factor,
            mean=images.image_mean,
            std=images.image_std,
        )

    def prompt_template(self, processor: ProcessorMixin) -> str:
        content = [{"type": "image"}, {"type": "text", "text": "{question}"}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False)
        return str(text.replace(processor.image_token, processor.replace_image_token({"rows": [[0]], "cols": [[0]]}, 0)))

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        side = model.config.vision_config.image_size
        return 3, side, side


def _process(processor: ProcessorMixin, pictures: Sequence[NDArray[np.uint8]], **options: bool) -> Tensor:
    nested = [[picture] for picture in pictures]
    prepared = processor.image_processor(nested, return_tensors="pt", input_data_format="channels_last", **options)
    return torch.as_tensor(prepared["pixel_values"][:, 0])
