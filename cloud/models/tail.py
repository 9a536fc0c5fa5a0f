"""The cloud's half of one bundle: the whole model, which can be entered at any cut or from a picture."""

from collections.abc import Mapping, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig

from cloud.admission.pictures import on_white, open_picture
from cloud.models.placement import Placement
from protos import codec as wire
from protos.bundle import PICTURE_CUT, Bundle
from protos.codec.payload import Frame
from protos.errors import BundleDamaged
from protos.limits import check_elongation
from protos.pictures.sizes import picture_grid
from protos.pictures.tiles import Grid, max_tiles
from protos.text.prompt import PromptBuilder
from splitter.families import DecoderBatch, Generative, enter, family, walk
from splitter.families.loading import load_model, load_processor

_MAX_TILES = 64  # through the tower at once; what lives in its layers takes memory for each


class VisionTail:
    """A bundle's model as far as it sees. Decoding may run in many threads, the model in one at a time."""

    def __init__(self, bundle: Bundle, placement: Placement) -> None:
        """Load the model. Raises BundleError or CheckpointError."""
        _check_limits(bundle)
        folder = bundle.folder("cloud")
        self.bundle, self.digest, self.limits = bundle, bundle.digest, bundle.manifest.limits
        self._family = family(bundle.manifest.family)
        self._model = load_model(folder, placement.dtype).to(placement.device)
        self._processor = load_processor(folder)
        self._codecs = _receivers(bundle)
        self._placement = placement

    def preprocess(self, data: bytes) -> tuple[dict[str, Tensor], Grid]:
        """An encoded picture to pixels (tiles, 3, h, w), as the checkpoint's own processor does it. Raises
        PictureError or TooLarge.
        """
        picture = open_picture(data, self.limits)
        preprocessing = self.bundle.manifest.preprocessing
        check_elongation(picture.height, picture.width, preprocessing)
        pixels = self._family.pixels(self._processor, [on_white(picture)])
        return {PICTURE_CUT: pixels}, picture_grid(preprocessing, picture.height, picture.width)

    def unpack(
        self,
        cut: str,
        codec: str,
        payloads: Mapping[str, bytes],
        tiles: int = 1,
        reference: Frame | None = None,
    ) -> tuple[dict[str, Tensor], Frame | None]:
        """Payloads to the boundary of one picture, float32 (tiles, ...), and what was sent, if another may be
        coded against it.

        Raises UnknownName, PayloadError or TooLarge.
        """
        self.bundle.codec(cut, codec)
        decoded, sent = self._codecs[cut, codec].receive(payloads, tiles, reference)
        return {
            name: torch.from_numpy(tensor.reshape(tiles, -1, *tensor.shape[1:]))
            for name, tensor in decoded.items()
        }, sent

    def enter(self, cut: str, pictures: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """Boundaries of pictures at one cut (or their pixels) to image tokens or embeddings (tiles, tokens,
        width) of all their tiles.
        """
        boundary = {name: self._together([picture[name] for picture in pictures]) for name in pictures[0]}
        starts = range(0, len(next(iter(boundary.values()))), _MAX_TILES)
        parts = [
            {name: tensor[start : start + _MAX_TILES] for name, tensor in boundary.items()}
            for start in starts
        ]
        return torch.cat([self._enter(cut, part) for part in parts])

    def _enter(self, cut: str, boundary: dict[str, Tensor]) -> Tensor:
        if cut != PICTURE_CUT:
            return enter(self._family, self._model, cut, boundary)
        *_, (last, reached) = walk(self._family, self._model, boundary[PICTURE_CUT])
        return enter(self._family, self._model, last, reached)

    def cached_boundary(self, image_tokens: Tensor) -> tuple[str, dict[str, Tensor]]:
        """Image tokens (tiles, tokens, width) of a frame that came before, as the last cut and its
        boundary.
        """
        last = self.bundle.manifest.cuts[-1]
        return last.name, {last.boundary[0].name: image_tokens}

    def _together(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([tensor.to(self._placement.device, self._placement.dtype) for tensor in tensors])


class Tail(VisionTail):
    """Everything that answers questions for one bundle."""

    _family: Generative

    def __init__(self, bundle: Bundle, placement: Placement) -> None:
        super().__init__(bundle, placement)
        self.stop_tokens = frozenset(bundle.manifest.prompt.stop_tokens)
        self._tokenizer = Tokenizer.from_file(str(bundle.folder("cloud") / "tokenizer.json"))
        self.prompts = PromptBuilder(self._tokenizer, bundle.manifest.prompt, self.limits)

    def decode(self, ids: list[int]) -> str:
        """Token ids as text, special tokens left out."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def rows(self, prompts: Sequence[Sequence[int]], image_tokens: Tensor) -> DecoderBatch:
        """Prompts with each its image tokens in place, ready for the prefill; those (tiles, tokens, width) of
        all in order.
        """
        return self._family.rows(self._model, prompts, image_tokens)

    @torch.inference_mode()
    def warm(self) -> None:
        """One picture and one prompt through the model, so that no caller pays for what torch sets up at
        first use.
        """
        pixels = torch.zeros(1, *self._family.pixel_shape(self._model))
        rows = self.rows([self.prompts.build("?")], self.enter(PICTURE_CUT, [{PICTURE_CUT: pixels}]))
        rows.prefill()
        rows.decode([0])


def width(bundle: Bundle) -> int:
    """The width of a bundle's language model, from its configuration alone."""
    config = AutoConfig.from_pretrained(bundle.folder("cloud"), local_files_only=True)
    return int(config.get_text_config().hidden_size)


def max_request_bytes(bundle: Bundle) -> int:
    """The longest request that can be right: a picture or the widest cut's payloads, a question, labels, and
    room for names.
    """
    payloads = [
        sum(t.max_bytes for t in codec.tensors) for cut in bundle.manifest.cuts for codec in cut.codecs
    ]
    limits, matching, tiles = (
        bundle.manifest.limits,
        bundle.manifest.matching,
        max_tiles(bundle.manifest.preprocessing),
    )
    texts = matching.max_texts * (matching.max_text_bytes + 8)
    return (
        max([limits.max_picture_bytes, *(tiles * size for size in payloads)])
        + limits.max_question_bytes
        + texts
        + (64 << 10)
    )


def _receivers(bundle: Bundle) -> dict[tuple[str, str], wire.Codec]:
    return {
        (cut.name, codec.name): wire.receiver(codec, bundle.file)
        for cut in bundle.manifest.cuts
        for codec in cut.codecs
    }


def _check_limits(bundle: Bundle) -> None:
    """A limit that is absent reads as 0 and would refuse every request; better to say so before serving."""
    limits = bundle.manifest.limits
    absent = [name for name in limits.DESCRIPTOR.fields_by_name if not getattr(limits, name)]
    if absent:
        message = f"the manifest of bundle {bundle.path} sets no {', '.join(absent)}; split the model again"
        raise BundleDamaged(message, bundle=bundle.digest)
