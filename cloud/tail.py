"""The cloud's half of one bundle: the whole model, which can be entered at any cut or from a picture."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import AutoConfig

from cloud.pictures import open_picture
from cloud.precision import Precision
from cloud.prompts import Prompts
from protos import codec as wire
from protos.bundle import PICTURE_CUT, Bundle
from protos.errors import BundleDamaged
from protos.limits import check_elongation
from splitter.families import Rows, enter, family, walk
from splitter.families.loading import load_model, load_processor


class Tail:
    """Everything that answers questions for one bundle. Decoding may run in many threads, the model in one at a time."""

    def __init__(self, bundle: Bundle, precision: Precision) -> None:
        """Load the model. Raises BundleError or CheckpointError."""
        _check_limits(bundle)
        folder = bundle.folder("cloud")
        self.bundle, self.digest, self.limits = bundle, bundle.digest, bundle.manifest.limits
        self.stop_tokens = frozenset(bundle.manifest.prompt.stop_tokens)
        self.prompts = Prompts(folder / "tokenizer.json", bundle.manifest.prompt, self.limits)
        self._family = family(bundle.manifest.family)
        self._model = load_model(folder, precision.dtype).to(precision.device)
        self._images = load_processor(folder).image_processor
        self._codecs = _receivers(bundle)
        self._precision = precision

    def see(self, data: bytes) -> dict[str, Tensor]:
        """An encoded picture to pixels (3, h, w), as the checkpoint's own processor does it. Raises PictureError or TooLarge."""
        picture = open_picture(data, self.limits)
        check_elongation(picture.height, picture.width, self.bundle.manifest.preprocessing)
        pixels = self._images(images=picture, return_tensors="pt", do_convert_rgb=True)["pixel_values"]
        return {PICTURE_CUT: pixels.reshape(self._family.pixel_shape(self._model))}

    def unpack(self, cut: str, codec: str, payloads: Mapping[str, bytes]) -> dict[str, Tensor]:
        """Payloads to the boundary of one row, float32. Raises UnknownName, PayloadError or TooLarge."""
        self.bundle.codec(cut, codec)
        decoded = self._codecs[cut, codec].decode(payloads)
        return {name: torch.from_numpy(tensor) for name, tensor in decoded.items()}

    def enter(self, cut: str, rows: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """Boundaries of single rows at one cut (or their pixels) to image tokens (rows, tokens, width)."""
        boundary = {name: self._stack([row[name] for row in rows]) for name in rows[0]}
        if cut != PICTURE_CUT:
            return enter(self._family, self._model, cut, boundary)
        *_, (last, reached) = walk(self._family, self._model, boundary[PICTURE_CUT])
        return enter(self._family, self._model, last, reached)

    def seen(self, image_tokens: Tensor) -> tuple[str, dict[str, Tensor]]:
        """Image tokens (tokens, width) of a frame that came before, as the last cut and its boundary."""
        last = self.bundle.manifest.cuts[-1]
        return last.name, {last.boundary[0].name: image_tokens}

    def rows(self, prompts: Sequence[Sequence[int]], image_tokens: Tensor) -> Rows:
        """Prompts with each its image tokens (rows, tokens, width) in place, ready for the prefill."""
        return self._family.rows(self._model, prompts, image_tokens)

    @torch.inference_mode()
    def warm(self) -> None:
        """One picture and one prompt through the model, so that no caller pays for what torch sets up at first use."""
        pixels = torch.zeros(self._family.pixel_shape(self._model))
        rows = self.rows([self.prompts.build("?")], self.enter(PICTURE_CUT, [{PICTURE_CUT: pixels}]))
        rows.prefill()
        rows.advance([0])

    def _stack(self, rows: Sequence[Tensor]) -> Tensor:
        return torch.stack([row.to(self._precision.device, self._precision.dtype) for row in rows])


def width(bundle: Bundle) -> int:
    """The width of a bundle's language model, from its configuration alone."""
    config = AutoConfig.from_pretrained(bundle.folder("cloud"), local_files_only=True)
    return int(config.get_text_config().hidden_size)


def most_request_bytes(bundle: Bundle) -> int:
    """The longest request that can be right: a picture or the widest cut's payloads, a question, and room for names."""
    payloads = [sum(t.most_bytes for t in codec.tensors) for cut in bundle.manifest.cuts for codec in cut.codecs]
    limits = bundle.manifest.limits
    return max([limits.most_picture_bytes, *payloads]) + limits.most_question_bytes + (64 << 10)


def _receivers(bundle: Bundle) -> dict[tuple[str, str], wire.Codec]:
    return {
        (cut.name, codec.name): wire.receiver(codec, bundle.file(codec.receiver) if codec.receiver else None)
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
