"""The cloud's half of a bundle: the feature decoders, the tail, and the whole model."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from bench.codec.candidates.tensors import Boundary, ImageTokens, by_tiles
from protos import bundle_pb2 as pb
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

_BATCH_TILES = 32


def check_one_tile(bundle: Bundle) -> None:
    """Refuse a bundle that cuts pictures into tiles, which not every bench measures. Raises RequestError."""
    if max_tiles(bundle.manifest.preprocessing) > 1:
        message = (
            f"{bundle.manifest.model} cuts pictures into tiles, which this bench does not measure; "
            "`isthmus bench codec` does"
        )
        raise RequestError(message, bundle=bundle.digest)


class CloudHalf:
    """The whole model in FP32, which can be entered at any cut, and the feature decoders; each part is loaded
    when it is first used.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._decoders: dict[tuple[str, str], wire.Codec] = {}

    @property
    def manifest(self) -> pb.Manifest:
        """Of the bundle."""
        return self._bundle.manifest

    @cached_property
    def reference_model(self) -> ReferenceModel:
        """The whole model of a bundle that answers questions."""
        tokenizer = Tokenizer.from_file(str(self._bundle.folder("cloud") / "tokenizer.json"))
        prompting = Prompting(self._bundle.manifest.prompt, tokenizer)
        return ReferenceModel(generative(self._family), self._model, prompting)

    @cached_property
    def dual_encoder(self) -> ReferenceDualEncoder:
        """The whole model of a dual encoder's bundle."""
        if not isinstance(self._family, Matching):
            raise BundleDamaged(
                f"bundle {self._bundle.path}: a {self._family.name} matches nothing; split the model again"
            )
        matching = self._bundle.manifest.matching
        tokenizer = Tokenizer.from_file(str(self._bundle.file(matching.tokenizer)))
        return ReferenceDualEncoder(self._family, self._model, tokenizer, matching)

    def decode(self, cut: str, codec: str, payloads: Mapping[str, bytes], grid: Grid = ONE_TILE) -> Boundary:
        """Payloads of one picture to its boundary."""
        return by_tiles(self.decoder(cut, codec).decode(payloads, grid.tiles), grid)

    def decoder(self, cut: str, codec: str) -> wire.Codec:
        """The codec as the cloud holds it."""
        if (cut, codec) not in self._decoders:
            self._decoders[cut, codec] = wire.receiver(self._bundle.codec(cut, codec), self._bundle.file)
        return self._decoders[cut, codec]

    @torch.inference_mode()
    def enter(self, cut: str, boundaries: Sequence[Boundary], grids: Sequence[Grid] = ()) -> ImageTokens:
        """Boundaries of pictures to their image tokens; `grids` of the pictures, none where each is one
        tile.
        """
        batches = in_batches(len(boundaries), self._batch_size)
        parts = [self._enter(cut, boundaries[batch]) for batch in batches]
        return ImageTokens(torch.cat(parts), grids or [ONE_TILE] * len(boundaries))

    def encode_images(self, pictures: Sequence[Image]) -> ImageTokens:
        """Pictures of any size to image tokens, by the checkpoint's own processor and the whole model."""
        kind, model, preprocessing = self._family, self._model, self._bundle.manifest.preprocessing
        batches = in_batches(len(pictures), self._batch_size)
        parts = (kind.pixels(self._processor, pictures[batch]) for batch in batches)
        grids = [picture_grid(preprocessing, *picture.shape[:2]) for picture in pictures]
        return ImageTokens(torch.cat([image_tokens(kind, model, pixels) for pixels in parts]), grids)

    def _enter(self, cut: str, boundaries: Sequence[Boundary]) -> Tensor:
        batch = {
            name: torch.from_numpy(np.concatenate([boundary[name] for boundary in boundaries]))
            for name in boundaries[0]
        }
        return enter(self._family, self._model, cut, batch)

    @property
    def _batch_size(self) -> int:
        """Pictures that are run together."""
        return max(1, _BATCH_TILES // max_tiles(self._bundle.manifest.preprocessing))

    @cached_property
    def _family(self) -> Family:
        return family(self._bundle.manifest.family)

    @cached_property
    def _model(self) -> PreTrainedModel:
        return load_model(self._bundle.folder("cloud"))

    @cached_property
    def _processor(self) -> Processor:
        return load_processor(self._bundle.folder("cloud"))
