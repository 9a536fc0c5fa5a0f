"""Every number of the boundary as INT8, then zstd: the plain codec."""

from collections.abc import Mapping

import numpy as np
from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.codec import zstd
from protos.codec.interface import Codec, Find, finite, reading
from protos.codec.payload import Codes, checked, names


class Int8Zstd(Codec):
    """Per channel and asymmetric, ranges fixed at calibration: `codes = round(x / scale) + zero`."""

    name = "int8-zstd"

    def __init__(self, spec: pb.Codec, scales: Mapping[str, Floats], zeros: Mapping[str, Floats]) -> None:
        self._spec, self._scales, self._zeros = spec, scales, zeros

    @classmethod
    def sender(cls, spec: pb.Codec, find: Find) -> Self:
        del find
        return cls(spec, {}, {})

    @classmethod
    def receiver(cls, spec: pb.Codec, find: Find) -> Self:
        with reading(find(spec.receiver)) as stored:
            scales, zeros = (
                {name: finite(stored[f"{part}/{name}"]) for name in names(spec)} for part in ("scale", "zero")
            )
        return cls(spec, scales, zeros)

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        return {
            tensor.codes.name: zstd.pack(checked(tensor, codes[tensor.codes.name]))
            for tensor in self._spec.tensors
        }

    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        codes = zstd.unpack(self._spec, payloads, tiles)
        return {
            name: (c.astype(np.float32) - self._zeros[name]) * self._scales[name] for name, c in codes.items()
        }
