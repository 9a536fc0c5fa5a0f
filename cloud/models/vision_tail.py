"""The cloud's half of a bundle as far as the image tokens: entered at any cut, or from a picture."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cloud.models.placement import Placement
from protos import codec as wire
from protos.arrays import Floats
from protos.bundle import PICTURE_CUT, Bundle
from protos.codec.payload import Frame
from protos.errors import BundleDamaged, RequestError
from protos.limits import check_elongation
from protos.pictures.sizes import picture_grid
from protos.pictures.tiles import Grid
from splitter.families import Boundary, advance, family
from splitter.families.loading import Checkpoint, load_model, load_processor


class VisionTail:
    """A bundle's vision tower and codecs.

    `preprocess` and `unpack` may run in many threads, the model runs in one at a time.
    """

    def __init__(self, bundle: Bundle, placement: Placement, *, weights: bool = True) -> None:
        """Load the model; without its weights it computes nothing, and describes one that another process
        runs. Raises BundleError or CheckpointError.
        """
        _check_limits(bundle)
        folder = bundle.folder("cloud")
        self.bundle, self.digest, self.limits = bundle, bundle.digest, bundle.manifest.limits
        self.cuts: Sequence[str] = (PICTURE_CUT, *(cut.name for cut in bundle.manifest.cuts))
        self._family = family(bundle.manifest.family)
        self.model = (
            load_model(folder, placement.dtype).to(placement.device)
            if weights
            else Checkpoint(folder).empty.to(placement.dtype)
        )
        self._processor = load_processor(folder)
        self._codecs = _receivers(bundle)
        self.placement, self.numerics = placement, placement.numerics
        self.threads = torch.get_num_threads()

    def use_threads(self) -> None:
        """Have torch compute in the calling thread with as many threads as suit this model."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)

    @property
    def weight_bytes(self) -> int:
        """What the model's weights take of memory."""
        return sum(weights.nbytes for weights in (*self.model.parameters(), *self.model.buffers()))

    def preprocess(self, picture: NDArray[np.uint8]) -> tuple[dict[str, Tensor], Grid]:
        """RGB (h, w, 3) to pixels (tiles, 3, h, w), as the checkpoint's own processor does it.

        Raises PictureError for a picture that is too long for its width.
        """
        height, width, _ = picture.shape
        preprocessing = self.bundle.manifest.preprocessing
        check_elongation(height, width, preprocessing)
        pixels = self._family.pixels(self._processor, [picture])
        return {PICTURE_CUT: pixels}, picture_grid(preprocessing, height, width)

    def unpack(
        self,
        cut: str,
        codec: str,
        payloads: Mapping[str, bytes],
        tiles: int = 1,
        reference: Frame | None = None,
    ) -> tuple[dict[str, Tensor], Frame | None]:
        """Payloads to the boundary of one picture, float32 (tiles, ...), and what was sent, if another frame
        may be coded against it.

        Raises UnknownName, PayloadError or TooLarge.
        """
        self.bundle.codec(cut, codec)
        decoded, sent = self._codecs[cut, codec].receive(payloads, tiles, reference)
        return by_tiles(decoded, tiles), sent

    def frame_codec(self, cut: str, codec: str) -> wire.FrameCodec:
        """A codec that codes frames against others. Raises UnknownName; RequestError for one that does
        not.
        """
        self.bundle.codec(cut, codec)
        found = self._codecs[cut, codec]
        if not isinstance(found, wire.FrameCodec):
            others = ", ".join(
                name
                for (place, name), one in self._codecs.items()
                if place == cut and isinstance(one, wire.FrameCodec)
            )
            raise RequestError(
                f"codec {codec} of cut {cut} codes no frame against another; watch with one of: "
                f"{others or 'none of this cut'}"
            )
        return found

    def advance(self, cut: str, until: str, pictures: Sequence[Mapping[str, Tensor]]) -> list[Boundary]:
        """Boundaries of pictures at one cut, or their pixels, to those at a later one, or the same, each
        (tiles, ...), where the model runs and in its dtype.
        """
        tiles = [len(next(iter(picture.values()))) for picture in pictures]
        together = {name: self._concatenate([picture[name] for picture in pictures]) for name in pictures[0]}
        reached = advance(self._family, self.model, cut, until, together)
        apart = {name: torch.split(tensor, tiles) for name, tensor in reached.items()}
        return [{name: parts[row] for name, parts in apart.items()} for row in range(len(pictures))]

    def enter(self, cut: str, pictures: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """Boundaries of pictures at one cut, or their pixels, to image tokens or embeddings (tiles, tokens,
        width) of all their tiles.
        """
        reached = self.advance(cut, self.cuts[-1], pictures)
        return torch.cat([tokens for picture in reached for tokens in picture.values()])

    def cached_boundary(self, image_tokens: Tensor) -> tuple[str, dict[str, Tensor]]:
        """Image tokens (tiles, tokens, width) from the encoder cache, as the last cut and its boundary."""
        last = self.bundle.manifest.cuts[-1]
        return last.name, {last.boundary[0].name: image_tokens}

    def _trial_pictures(self) -> list[dict[str, Tensor]]:
        """A grey picture and a noisy one, a tile each: quiet and loud activations."""
        shape = (1, *self._family.pixel_shape(self.model))
        noise = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 4 - 2
        return [{PICTURE_CUT: pixels} for pixels in (torch.zeros(shape), noise)]

    def _concatenate(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([tensor.to(self.placement.device, self.placement.dtype) for tensor in tensors])


def by_tiles(decoded: Mapping[str, Floats], tiles: int) -> dict[str, Tensor]:
    """Tensors (tiles * tokens, ...) as a codec gives them to a boundary (tiles, tokens, ...)."""
    return {
        name: torch.from_numpy(tensor.reshape(tiles, -1, *tensor.shape[1:]))
        for name, tensor in decoded.items()
    }


def _receivers(bundle: Bundle) -> dict[tuple[str, str], wire.Codec]:
    return {
        (cut.name, codec.name): wire.receiver(codec, bundle.file)
        for cut in bundle.manifest.cuts
        for codec in cut.codecs
    }


def _check_limits(bundle: Bundle) -> None:
    """A limit that is absent reads as 0 and would refuse every request; better to fail before serving."""
    limits = bundle.manifest.limits
    absent = [name for name in limits.DESCRIPTOR.fields_by_name if not getattr(limits, name)]
    if absent:
        message = f"the manifest of bundle {bundle.path} sets no {', '.join(absent)}; split the model again"
        raise BundleDamaged(message, bundle=bundle.digest)
