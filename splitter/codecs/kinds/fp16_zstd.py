"""FP16 and zstd: the reference of every report."""

import numpy as np

from protos import bundle_pb2 as pb
from protos.codec.kinds.fp16_zstd import LARGEST
from splitter.codecs.arrays import Tensors
from splitter.codecs.coding import describe_tensors
from splitter.codecs.kind import Calibration, CodecKind
from splitter.graph.chain import Arrays


class Fp16ZstdKind(CodecKind):
    """Nothing is fitted."""

    name, rank = "fp16-zstd", 2

    @classmethod
    def misfit(cls, boundary: Tensors) -> str:
        reach = max(float(np.abs(values).max()) for values in boundary.values())
        return f"its values reach {reach:,.0f}, FP16 ends at {LARGEST:,.0f}" if reach > LARGEST else ""

    @classmethod
    def fit(cls, calibration: Calibration) -> list["Fp16"]:
        del calibration
        return [Fp16()]


class Fp16:
    """The boundary itself is coded, so there is no encoder, and no table."""

    name = "fp16-zstd"

    def encoder(self) -> None:
        return None

    def describe(self, boundary: Tensors) -> pb.Codec:
        return describe_tensors(self.name, boundary, "float16")

    def sender(self) -> Arrays:
        return {}

    def receiver(self) -> Arrays:
        return {}
