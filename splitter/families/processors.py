"""Pictures and prompts of families that see a picture as one tile, unless they say more: the same whatever
the architecture.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer, PreTrainedModel, ProcessorMixin

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError
from protos.text.prompt import PICTURE
from protos.text.template import literal
from splitter.families import CONNECTOR, IMAGE_TOKENS, Boundary, Family, Generative, Processor, Step, walk
from splitter.families.files.chat_template import chat_template, rendered
from splitter.families.files.image_values import channels, check_resized, crop_size, resize_filter

_LOCAL = {"local_files_only": True, "trust_remote_code": False}  # else transformers asks on the terminal


@dataclass
class Pair:
    """An image processor and a tokenizer with nothing around them but the chat template."""

    image_processor: Any
    tokenizer: Any
    chat_template: Any = None

    def save_pretrained(self, folder: Path) -> None:
        self.image_processor.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def read_processor(folder: Path) -> Processor:
    """A folder's processor, or a pair where it has none, or one for videos too that needs packages which are
    not there.
    """
    # Pillow even where torchvision is: what a device does is measured against it, and torchvision has no
    # Lanczos filter.
    images = AutoImageProcessor.from_pretrained(folder, backend="pil", **_LOCAL)
    with contextlib.suppress(OSError, ValueError, KeyError, ImportError):
        processor: Processor = AutoProcessor.from_pretrained(folder, **_LOCAL)
        if hasattr(processor, "image_processor"):
            processor.image_processor = images
            return processor
    said = ProcessorMixin.get_processor_dict(folder, local_files_only=True)[0]
    return Pair(images, AutoTokenizer.from_pretrained(folder, **_LOCAL), said.get("chat_template"))


class OnePicture(Family, Protocol):
    """The part of a family that prepares pictures. Subclasses are whole families."""

    def pixels(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        return _process(processor, pictures)

    def resized(self, processor: Processor, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        plain = _process(processor, pictures, do_rescale=False, do_normalize=False)
        return list(plain.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy())

    def preprocessing(self, processor: Processor) -> pb.Preprocessing:
        images = processor.image_processor
        tiles = "cuts pictures into tiles"
        for option, what in (
            ("do_pad", "pads pictures"),
            ("crop_to_patches", tiles),
            ("do_pan_and_scan", tiles),
        ):
            if getattr(images, option, None):
                raise CheckpointError(
                    f"this processor {what}, which is not supported yet; set {option} to false", option=option
                )
        steps = normalisation(images)
        steps.resizes.extend(_resizes(images))
        if getattr(images, "do_center_crop", None):
            steps.crop_height, steps.crop_width = crop_size(images)
            _check_crop(steps)
        return steps


class OneTile(OnePicture, Generative, Protocol):
    """The part of a family that prepares pictures and prompts. Subclasses are whole families."""

    def prompt_template(self, model: PreTrainedModel, processor: Processor) -> str:
        tokenizer = processor.tokenizer
        image = tokenizer.convert_ids_to_tokens(self.image_token(model))
        if image is None:
            raise CheckpointError(
                f"the tokenizer has no token {self.image_token(model)}, the model's image_token_id; mend "
                "config.json"
            )
        written = (
            PICTURE
            if self.picture_text(model, processor)
            else literal(self.written(tokenizer, self.marks(model, image)))
        )
        template = chat_template(processor)
        if not template:
            return self.captioner_template(tokenizer, written)
        text = rendered(tokenizer, template)
        mark = literal(self.mark(tokenizer, image))
        if text.count(mark) != 1:
            raise CheckpointError(
                f"the chat template writes {text.count(mark)} times {mark} for a picture, not once; mend it"
            )
        return _begun(tokenizer, text.replace(mark, written))

    def marks(self, model: PreTrainedModel, image: str) -> str:
        """The image token of a tile as often as it must appear."""
        with torch.inference_mode():
            *_, (_, last) = walk(self, model, torch.zeros(1, *self.pixel_shape(model)))
        return image * int(last[IMAGE_TOKENS].shape[1])

    def after_layers(self, model: PreTrainedModel) -> Mapping[str, Step]:
        return {CONNECTOR: partial(self.connect, model)}

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        """From behind the last vision layer to `{"image_tokens": (n, tokens, width)}`."""

    def written(self, _tokenizer: Any, tokens: str) -> str:
        """A picture's tokens with what the family's processor writes around them."""
        return tokens

    def mark(self, _tokenizer: Any, image: str) -> str:
        """What a chat template writes for a picture; `image` is the token that stands for an image token."""
        return image

    def captioner_template(self, tokenizer: Any, written: str) -> str:
        """The prompt of a checkpoint without a chat template, around a picture as it is written."""
        return written + literal(tokenizer.bos_token or "")


def normalisation(images: Any) -> pb.Preprocessing:
    """What an image processor does once a picture has its size."""
    scale = images.rescale_factor if images.do_rescale else 1.0
    normalises = images.do_normalize
    mean, std = (
        channels(getattr(images, name) if normalises else plain, name)
        for name, plain in (("image_mean", 0.0), ("image_std", 1.0))
    )
    return pb.Preprocessing(rescale=scale, mean=mean, std=std)


def _process(processor: Processor, pictures: Sequence[NDArray[np.uint8]], **options: bool) -> Tensor:
    nested = [[picture] for picture in pictures]
    prepared = processor.image_processor(
        nested, return_tensors="pt", input_data_format="channels_last", **options
    )["pixel_values"]
    return torch.as_tensor(prepared.reshape(-1, *prepared.shape[-3:]))


def _resizes(images: Any) -> list[pb.Resize]:
    """The one resize of a processor: to a height and width, or of the shortest edge before a crop."""
    check_resized(images)
    sizes = {name: value for name, value in dict(images.size).items() if value}
    if set(sizes) not in ({"height", "width"}, {"shortest_edge"}):
        raise CheckpointError(
            f"this processor resizes to {sizes}; only height and width, or shortest_edge, are supported yet"
        )
    if "shortest_edge" in sizes and not getattr(images, "do_center_crop", None):
        raise CheckpointError(
            "this processor makes each picture another shape (size has a shortest_edge, and nothing crops), "
            'which is not supported yet; set size to {"height": ..., "width": ...}, or do_center_crop to true'
        )
    return [pb.Resize(filter=resize_filter(images), **sizes)]


def _check_crop(steps: pb.Preprocessing) -> None:
    """A device may upload what it has resized and cropped, and the cloud's own processor must then leave that
    as it is.
    """
    crop, resize = (steps.crop_height, steps.crop_width), steps.resizes[0]
    if min(crop) != resize.shortest_edge and crop != (resize.height, resize.width):
        raise CheckpointError(
            f"this processor crops to {crop} what it resized to more, which is not supported yet; make "
            "crop_size like size"
        )


def surrounded(tokenizer: Any, text: str) -> str:
    """A text with the special tokens that a tokenizer puts in front of it and behind it, written out."""
    bare, whole = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
    front = next(place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
    before, behind = (
        tokenizer.convert_ids_to_tokens(ids) for ids in (whole[:front], whole[front + len(bare) :])
    )
    return "".join([*before, text, *behind])


def _begun(tokenizer: Any, text: str) -> str:
    """A prompt with the beginning token in front, where the tokenizer would put one."""
    begins = tokenizer(text)["input_ids"][:1] == [tokenizer.bos_token_id]
    beginning = literal(tokenizer.bos_token or "")
    return beginning + text if begins and not text.startswith(beginning) else text
