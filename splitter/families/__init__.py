"""Model families: where the layers of an architecture are, and what is alive at a cut.

A cut is a named boundary of the vision part: `vision.K` after K vision layers, `connector` at the image tokens. What crosses it
is a boundary: named tensors, batch first. Both the splitter (to export) and the cloud (to go on from a cut) walk a model
through these functions, so that a cut means the same to both.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedModel

from protos import bundle_pb2 as pb
from protos.errors import CheckpointError, UnknownName

if TYPE_CHECKING:
    from splitter.families.processors import Processor

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

    def pixel_values(self, pixels: Tensor) -> Tensor:
        """Pixels (n, 3, h, w) of n prompts with one picture each, in the shape that the model's own forward takes."""

    def pixels(self, processor: "Processor", pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        """RGB pictures (h, w, 3) through the checkpoint's own processor: (n, 3, h, w)."""

    def resized(self, processor: "Processor", pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """The same pictures at the size that the model sees, before rescaling: RGB (h, w, 3)."""

    def preprocessing(self, processor: "Processor") -> pb.Preprocessing:
        """What that processor does, step by step, for a device without it. Raises CheckpointError where it cannot be said."""

    def prompt_template(self, model: PreTrainedModel, processor: "Processor") -> str:
        """The chat template around one picture and `{question}`, the picture's tokens written out.

        A checkpoint without a chat template is a captioner: its template has no `{question}`. Raises CheckpointError.
        """

    def pixel_shape(self, model: PreTrainedModel) -> tuple[int, int, int]:
        """Channels, height and width of the pixels of one picture."""


def family(name: str) -> Family:
    """The family of a transformers model_type. Raises CheckpointError with those that are known."""
    from splitter.families.idefics3 import Idefics3, SmolVLM
    from splitter.families.internvl import InternVL
    from splitter.families.llava import Llava

    kinds: list[Family] = [Idefics3(), SmolVLM(), Llava(), InternVL()]
    known = {kind.name: kind for kind in kinds}
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


def load_processor(folder: Path) -> "Processor":
    """The processor of a checkpoint folder; its files may be those of an image processor and a tokenizer. Raises CheckpointError."""
    from splitter.families.processors import read_processor

    try:
        return read_processor(folder)
    except (OSError, ValueError, KeyError, ImportError) as error:
        message = f"{folder} has no processor that can be read ({error}); copy tokenizer and processor files into it"
        raise CheckpointError(message, path=str(folder)) from error


def feature_depth(layers: int, selected: object) -> int:
    """How many of a tower's layers lie before the hidden state that a connector takes: `vision_feature_layer`.

    0 is what the first layer takes, -1 what the last one gives. Raises CheckpointError for several, or one that is not there.
    """
    if not isinstance(selected, int):
        message = f"this model takes the features of layers {selected} together; only one vision_feature_layer can be split yet"
        raise CheckpointError(message, layers=selected)
    depth = selected + (layers + 1 if selected < 0 else 0)
    if not 0 <= depth <= layers:
        raise CheckpointError(f"vision_feature_layer is {selected}, but the vision tower has {layers} layers; mend config.json")
    return depth


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
