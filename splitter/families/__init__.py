"""Model families: where the layers of an architecture are, and what is alive at a cut.

A cut is a named boundary of the vision part: `vision.K` after K vision layers, `connector` at the image tokens. What crosses it
is a boundary: named tensors, batch first. Both the splitter (to export) and the cloud (to go on from a cut) walk a model
through these functions, so that a cut means the same to both.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError, UnknownName

Boundary = dict[str, Tensor]
CONNECTOR = "connector"
IMAGE_TOKENS = "image_tokens"


class Family(Protocol):
    """What one architecture must tell. Tensors are batch first; one picture gives one row."""

    name: str

    def depth(self, model: PreTrainedModel) -> int:
        """How many vision layers there are."""

    def embed(self, model: PreTrainedModel, pixels: Tensor) -> Boundary:
        """Pixels (n, 3, h, w) to what the first vision layer takes."""

    def layer(self, model: PreTrainedModel, index: int, boundary: Boundary) -> Boundary:
        """Through vision layer `index`, counted from 0."""

    def connect(self, model: PreTrainedModel, boundary: Boundary) -> Boundary:
        """From behind the last vision layer to `{"image_tokens": (n, tokens, width)}`."""

    def decoder(self, model: PreTrainedModel) -> PreTrainedModel:
        """The language model without its head; takes inputs_embeds, attention_mask, position_ids, past_key_values."""

    def logits(self, model: PreTrainedModel, hidden: Tensor) -> Tensor:
        """The language model's head: (..., width) to (..., vocabulary)."""

    def pixels(self, processor: ProcessorMixin, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        """RGB pictures (h, w, 3) through the checkpoint's own processor: (n, 3, h, w)."""

    def resized(self, processor: ProcessorMixin, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """The same pictures at the size that the model sees, before rescaling: RGB (h, w, 3)."""

    def preprocessing(self, processor: ProcessorMixin) -> pb.Preprocessing:
        """What that processor does, step by step, for a device without it. Raises CheckpointError where it cannot be said."""

    def prompt_template(self, processor: ProcessorMixin) -> str:
        """The chat template around one picture and `{question}`, the picture's tokens written out."""

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        """Channels, height and width of the pixels of one picture."""


def family(name: str) -> Family:
    """The family of a transformers model_type. Raises CheckpointError with those that are known."""
    from splitter.families.idefics3 import Idefics3

    known: dict[str, Family] = {Idefics3.name: Idefics3()}
    if name not in known:
        raise CheckpointError(f"models of type {name!r} cannot be split yet; known types: {', '.join(known)}", family=name)
    return known[name]


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A checkpoint folder in the Hugging Face layout as a model in evaluation mode. Raises CheckpointError."""
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        family(config.model_type)
        model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, local_files_only=True, use_safetensors=True, attn_implementation="eager"
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        message = f"{folder} is not a checkpoint that can be read ({error}); give a folder with config.json and model.safetensors"
        raise CheckpointError(message, path=str(folder)) from error
    return model.eval().requires_grad_(requires_grad=False)


def load_processor(folder: Path) -> ProcessorMixin:
    """The processor of a checkpoint folder. Raises CheckpointError."""
    try:
        return AutoProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        message = f"{folder} has no processor that can be read ({error}); copy tokenizer and processor files into it"
        raise CheckpointError(message, path=str(folder)) from error


def cut_names(family: Family, model: PreTrainedModel) -> list[str]:
    """Every cut that a model can have, in order."""
    return [*(f"vision.{k + 1}" for k in range(family.depth(model))), CONNECTOR]


def walk(family: Family, model: PreTrainedModel, pixels: Tensor) -> Iterator[tuple[str, Boundary]]:
    """From pixels through every cut in order: its name and its boundary."""
    yield from _onwards(family, model, 0, family.embed(model, pixels))


def enter(family: Family, model: PreTrainedModel, cut: str, boundary: Boundary) -> Tensor:
    """From a cut's boundary to the image tokens (n, tokens, width): the vision part of the tail."""
    names = cut_names(family, model)
    if cut not in names:
        raise UnknownName("cut", cut, names)
    for _, reached in _onwards(family, model, names.index(cut) + 1, boundary):
        boundary = reached
    return boundary[IMAGE_TOKENS]


def _onwards(family: Family, model: PreTrainedModel, done: int, boundary: Boundary) -> Iterator[tuple[str, Boundary]]:
    """Every boundary behind the `done` cuts that lie behind already."""
    depth = family.depth(model)
    for index in range(done, depth):
        boundary = family.layer(model, index, boundary)
        yield f"vision.{index + 1}", boundary
    if done <= depth:
        yield CONNECTOR, family.connect(model, boundary)
