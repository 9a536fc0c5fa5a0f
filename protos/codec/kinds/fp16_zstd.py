"""The boundary as FP16, then zstd: what a cut costs before anything is lost. Every report's reference."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.codec import zstd
from protos.codec.interface import Codec, Find
from protos.codec.payload import Codes, checked
from protos.errors import PayloadError

LARGEST = float(np.finfo(np.float16).max)


class Fp16Zstd(Codec):
    """Codes are the boundary itself."""

    name = "fp16-zstd"

    def __init__(self, spec: pb.Codec) -> None:
        self._spec = spec

    @classmethod
    def sender(cls, spec: pb.Codec, find: Find) -> Self:
        del find
        return cls(spec)

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        halves = {name: _halves(values) for name, values in codes.items()}
        return {
            tensor.codes.name: zstd.pack(checked(tensor, halves[tensor.codes.name]))
            for tensor in self._spec.tensors
        }

    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        codes = zstd.unpack(self._spec, payloads, tiles)
        for name, tensor in codes.items():
            if not np.isfinite(tensor).all():
                message = f"tensor {name!r} holds NaN or infinity; send the picture instead"
                raise PayloadError(message, tensor=name)
        return {name: tensor.astype(np.float32) for name, tensor in codes.items()}


def _halves(values: Codes) -> NDArray[np.float16]:
    """As FP16, saturated: a picture may reach farther than calibration saw. What is no number stays none,
    which the receiver refuses.
    """
    infinite = np.isinf(values)
    return np.where(infinite, values, np.clip(values, -LARGEST, LARGEST)).astype(np.float16)
