"""Per-channel INT8 and zstd: the plain codec."""

import numpy as np
import onnx

from protos import bundle_pb2 as pb
from splitter.codecs.arrays import Floats, Tensors
from splitter.codecs.coding import describe_tensors
from splitter.codecs.encoders import Encoder
from splitter.codecs.kind import Calibration, CodecKind
from splitter.graph.chain import Arrays

_MARGIN = 0.02  # of a channel's range, beyond what calibration saw


class Int8ZstdKind(CodecKind):
    """Ranges of what the calibration pictures gave."""

    name, rank = "int8-zstd", 1

    @classmethod
    def fit(cls, calibration: Calibration) -> list["Int8"]:
        return [Int8(calibration.boundary)]


class Int8:
    """The ranges of every channel."""

    name = "int8-zstd"

    def __init__(self, calibration: Tensors) -> None:
        self._ranges = {
            name: _range(values.reshape(-1, values.shape[-1])) for name, values in calibration.items()
        }
        self._shapes = {name: values.shape[1:] for name, values in calibration.items()}

    def encoder(self) -> onnx.ModelProto:
        graph = Encoder()
        for tensor, (low, scale) in self._ranges.items():
            graph.quantise(tensor, self._shapes[tensor], low, scale)
        return graph.model()

    def describe(self, boundary: Tensors) -> pb.Codec:
        return describe_tensors(self.name, boundary, "uint8")

    def sender(self) -> Arrays:
        return {}

    def receiver(self) -> Arrays:
        """`scale/TENSOR`, and `zero/TENSOR` in steps of it."""
        scales: Arrays = {f"scale/{name}": scale for name, (_, scale) in self._ranges.items()}
        return scales | {
            f"zero/{name}": (-low / scale).astype(np.float32) for name, (low, scale) in self._ranges.items()
        }


def _range(values: Floats) -> tuple[Floats, Floats]:
    """Low and scale of every channel, a little wider than what was seen."""
    low, high = values.min(0).astype(np.float64), values.max(0).astype(np.float64)
    margin = (high - low) * _MARGIN
    scale = np.maximum((high - low + 2 * margin) / 255, 1e-8)
    return (low - margin).astype(np.float32), scale.astype(np.float32)
