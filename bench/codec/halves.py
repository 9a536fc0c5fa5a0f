"""Both halves of a bundle in one process: the device's head and encoders, the cloud's decoders, tail and
whole model.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedModel

from edge.models.head import Head, HeadOutput
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from protos import codec as wire
from protos.bundle import Bundle
from protos.errors import BundleDamaged, RequestError
from protos.pictures.sizes import picture_grid
from protos.pictures.tiles import ONE_TILE, Grid, max_tiles
from splitter.evaluate.answers import Prompting
from splitter.evaluate.matching import ReferenceDualEncoder
from splitter.evaluate.subjects import Image
from splitter.evaluate.verify import ReferenceModel, image_tokens, in_batches
from splitter.families import Family, Matching, Processor, enter, family, generative
from splitter.families.loading import load_model, load_processor

Boundary = Mapping[str, wire.Floats]  # of one picture, tensors (tiles, ...)

_AT_ONCE = 32  # tiles


class Seen(NamedTuple):
    """Image tokens (tiles, tokens, width) of some pictures one after another, and each one's grid of
    tiles.
    """

    tokens: Tensor
    grids: Sequence[Grid]


def check_one_tile(bundle: Bundle) -> None:
    """Refuse a bundle that cuts pictures into tiles, which not every bench measures. Raises RequestError."""
    if max_tiles(bundle.manifest.preprocessing) > 1:
        message = (
            f"{bundle.manifest.model} cuts pictures into tiles, which this bench does not measure; "
            "`isthmus bench codec` does"
        )
        raise RequestError(message, bundle=bundle.digest)


class Device:
    """One picture at a time and one thread, as on a device; what is not asked for is not loaded."""

    def __init__(self, bundle: Bundle, pictures: Sequence[Image]) -> None:
        self._bundle, self._pictures = bundle, pictures
        self._reached: list[HeadOutput] = []

    @cached_property
    def resized(self) -> list[Image]:
        """The pictures at the model's own resolution: what an upload codes."""
        return [self._preprocessor.resize(picture) for picture in self._pictures]

    @cached_property
    def senders(self) -> FeatureEncoders:
        return FeatureEncoders(self._bundle)

    def boundary(self, cut: str, index: int) -> Boundary:
        """What crosses a cut, tensors (tiles, ...), of one picture. All pictures go to a cut together, and
        only the last cut's are kept.
        """
        if not self._reached or self._reached[0].cut != cut:
            before: Sequence[HeadOutput | None] = self._reached or [None] * len(self._pictures)
            self._reached = [
                self._reach(image, cut, reached) for image, reached in zip(self.resized, before, strict=True)
            ]
        return self._reached[index].boundary

    def grid(self, index: int) -> Grid:
        """The tiles that a picture becomes."""
        return self._preprocessor.grid(self.resized[index])

    def _reach(self, image: Image, cut: str, before: HeadOutput | None) -> HeadOutput:
        return self._head.run(self._preprocessor.pixels(image), cut, before)

    @cached_property
    def _preprocessor(self) -> Preprocessor:
        return Preprocessor(self._bundle.manifest.preprocessing)

    @cached_property
    def _head(self) -> Head:
        return Head(self._bundle)


class Cloud:
    """The whole model in FP32, which can be entered at any cut, and the receivers; loaded when first asked
    for.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._receivers: dict[tuple[str, str], wire.Codec] = {}

    @cached_property
    def whole(self) -> ReferenceModel:
        folder, said = self._bundle.folder("cloud"), self._bundle.manifest.prompt
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        image_token = said.image_token if said.image_tokens else None
        prompting = Prompting(
            said.template, tokenizer, image_token, tuple(said.stop_tokens), tokenizer.decode, said.picture
        )
        return ReferenceModel(generative(self._family), self._model, prompting)

    @cached_property
    def matcher(self) -> ReferenceDualEncoder:
        """The model of a dual encoder."""
        if not isinstance(self._family, Matching):
            raise BundleDamaged(
                f"bundle {self._bundle.path}: a {self._family.name} matches nothing; split the model again"
            )
        said = self._bundle.manifest.matching
        return ReferenceDualEncoder(
            self._family, self._model, Tokenizer.from_file(str(self._bundle.file(said.tokenizer))), said
        )

    def decode(self, cut: str, codec: str, payloads: Mapping[str, bytes], grid: Grid = ONE_TILE) -> Boundary:
        """Payloads of one picture to its boundary."""
        return by_tiles(self.receiver(cut, codec).decode(payloads, grid.tiles), grid)

    def receiver(self, cut: str, codec: str) -> wire.Codec:
        """Both halves of a codec."""
        if (cut, codec) not in self._receivers:
            self._receivers[cut, codec] = wire.receiver(self._bundle.codec(cut, codec), self._bundle.file)
        return self._receivers[cut, codec]

    @torch.inference_mode()
    def enter(self, cut: str, received: Sequence[Boundary], grids: Sequence[Grid] = ()) -> Seen:
        """Boundaries of pictures to their image tokens; `grids` of the pictures, none where each is one
        tile.
        """
        parts = [self._enter(cut, received[part]) for part in in_batches(len(received), self._at_once)]
        return Seen(torch.cat(parts), grids or [ONE_TILE] * len(received))

    def see(self, pictures: Sequence[Image]) -> Seen:
        """Pictures of any size to image tokens, as the checkpoint's own processor and the whole model do
        it.
        """
        kind, model, said = self._family, self._model, self._bundle.manifest.preprocessing
        parts = (
            kind.pixels(self._processor, pictures[part]) for part in in_batches(len(pictures), self._at_once)
        )
        grids = [picture_grid(said, *picture.shape[:2]) for picture in pictures]
        return Seen(torch.cat([image_tokens(kind, model, pixels) for pixels in parts]), grids)

    def _enter(self, cut: str, received: Sequence[Boundary]) -> Tensor:
        together = {
            name: torch.from_numpy(np.concatenate([row[name] for row in received])) for name in received[0]
        }
        return enter(self._family, self._model, cut, together)

    @property
    def _at_once(self) -> int:
        """So many pictures."""
        return max(1, _AT_ONCE // max_tiles(self._bundle.manifest.preprocessing))

    @cached_property
    def _family(self) -> Family:
        return family(self._bundle.manifest.family)

    @cached_property
    def _model(self) -> PreTrainedModel:
        return load_model(self._bundle.folder("cloud"))

    @cached_property
    def _processor(self) -> Processor:
        return load_processor(self._bundle.folder("cloud"))


def by_tiles(received: Mapping[str, wire.Floats], grid: Grid = ONE_TILE) -> Boundary:
    """What a codec gives of one picture, tensors (tiles * tokens, width), as its boundary."""
    return {name: tensor.reshape(grid.tiles, -1, *tensor.shape[1:]) for name, tensor in received.items()}
