"""The fitted codec: neighbours grouped, mean removed, a linear transform, one step, static entropy tables."""

from collections.abc import Mapping

import numpy as np
from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.codec.inter_frame import FINER
from protos.codec.interface import Find, FrameCodec, reading
from protos.codec.level import Level, read_level
from protos.codec.payload import Codes, Frame, Sent, check_length, check_names, names, tiled, words
from protos.codec.rans_loops import compile_loops
from protos.codec.synthesis import Synthesis, read_synthesis
from protos.errors import PayloadError


class Fitted(FrameCodec):
    """One level of the fitted codec; its encoder gives INT16 codes of all that any level sends."""

    name = "fitted"

    def __init__(
        self, spec: pb.Codec, levels: Mapping[str, Level], syntheses: Mapping[str, Synthesis]
    ) -> None:
        self._spec, self._levels, self._syntheses = spec, levels, syntheses
        self.feed = self._per_step(1)
        self.finer_feed = self._per_step(FINER)

    @classmethod
    def sender(cls, spec: pb.Codec, find: Find) -> Self:
        return cls(spec, _levels(spec, find), {})

    @classmethod
    def receiver(cls, spec: pb.Codec, find: Find) -> Self:
        compile_loops()
        levels = _levels(spec, find)
        with reading(find(spec.receiver)) as stored:
            return cls(spec, levels, {name: read_synthesis(stored, name) for name in names(spec)})

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        return self.pack(
            {name: level.sent(self._checked(name, codes)) for name, level in self._levels.items()}
        )

    def frame_of_finer(self, codes: Mapping[str, Codes], reference: Frame | None = None) -> Frame:
        return {
            name: level.sent_of_finer(
                self._checked(name, codes), None if reference is None else reference[name]
            )
            for name, level in self._levels.items()
        }

    def pack(self, frame: Frame, reference: Frame | None = None) -> dict[str, bytes]:
        return {
            name: level.encode(frame[name], None if reference is None else reference[name])
            for name, level in self._levels.items()
        }

    def unpack(self, payloads: Mapping[str, bytes], tiles: int = 1, reference: Frame | None = None) -> Frame:
        check_names(self._spec, payloads)
        if reference is not None and set(reference) != set(payloads):
            raise PayloadError("the reference is of another cut; send a key frame")
        return {
            tensor.codes.name: self._unpack(tensor, payloads, tiles, reference)
            for tensor in self._spec.tensors
        }

    def tensors(self, frame: Frame) -> dict[str, Floats]:
        levels = self._levels
        made = {
            name: self._syntheses[name](levels[name].coordinates(sent), levels[name].step)
            for name, sent in frame.items()
        }
        return {name: np.concatenate(tensor) for name, tensor in made.items()}

    def _unpack(
        self, tensor: pb.CodedTensor, payloads: Mapping[str, bytes], tiles: int, reference: Frame | None
    ) -> Sent:
        name = tensor.codes.name
        check_length(tensor, payloads[name], tiles)
        return self._levels[name].decode(
            payloads[name], tiles, None if reference is None else reference[name]
        )

    def _checked(self, name: str, codes: Mapping[str, Codes]) -> Codes:
        array, shape = codes[name], self._levels[name].which.shape
        if not tiled(array.shape, shape) or array.dtype != np.int16:
            spec = next(tensor.codes for tensor in self._spec.tensors if tensor.codes.name == name)
            raise PayloadError(
                f"tensor {name!r} is {array.dtype} {array.shape}, the manifest says {words(spec)}"
            )
        return array

    def _per_step(self, finer: int) -> Mapping[str, Floats]:
        return {
            f"per-step/{name}": np.array(finer / level.step, np.float32)
            for name, level in self._levels.items()
        }


def _levels(spec: pb.Codec, find: Find) -> dict[str, Level]:
    with reading(find(spec.sender)) as stored:
        return {name: read_level(stored, spec.name, name) for name in names(spec)}
