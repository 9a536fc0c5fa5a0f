"""Features that no head makes."""

import itertools
import math
import os
from abc import abstractmethod

import numpy as np

from bench.attack.attacker import CallingAttacker, Target
from bench.attack.inputs.zstd import lying_bomb
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.compression import zstd

_CODEC = "fp16-zstd"


class RandomFeatures(CallingAttacker):
    name = "random-features"
    words = "random bytes in place of the features"

    def message(self) -> bytes:
        features = ip.Features()
        features.CopyFrom(self.target.request.features)
        for payload in features.payloads:
            payload.data = os.urandom(len(payload.data))
        return self.target.altered(features=features)


class DamagedCode(CallingAttacker):
    name = "damaged-code"
    words = "features with a byte of their entropy code changed"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._places = itertools.count()

    def message(self) -> bytes:
        features = ip.Features()
        features.CopyFrom(self.target.request.features)
        for payload in features.payloads:
            damaged = bytearray(payload.data)
            damaged[len(damaged) // 2 + next(self._places) % (len(damaged) // 2)] ^= 0xFF
            payload.data = bytes(damaged)
        return self.target.altered(features=features)


class _TensorAttacker(CallingAttacker):
    """Sends a tensor as FP16 and zstd."""

    @classmethod
    def unfit(cls, manifest: pb.Manifest) -> str:
        return "" if _halves(manifest) else f"no cut has the codec {_CODEC}"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        cut, spec = _halves(target.manifest)[0]
        payloads = [
            ip.Payload(name=tensor.codes.name, data=self.payload(math.prod(tensor.codes.shape)))
            for tensor in spec.tensors
        ]
        features = ip.Features(cut=cut, codec=_CODEC, payloads=payloads)
        self._message = target.altered(features=features)

    @abstractmethod
    def payload(self, numbers: int) -> bytes:
        """In place of so many numbers."""

    def message(self) -> bytes:
        return self._message


class NanFeatures(_TensorAttacker):
    name = "nan-features"
    words = "a tensor that is no number"

    def payload(self, numbers: int) -> bytes:
        return zstd.compress(np.full(numbers, np.nan, np.float16).tobytes())


class ZstdBomb(_TensorAttacker):
    name = "zstd-bomb"
    words = "655 MB of zeros in 20 kB that claim to be the tensor"

    def payload(self, numbers: int) -> bytes:
        return lying_bomb(2 * numbers)


def _halves(manifest: pb.Manifest) -> list[tuple[str, pb.Codec]]:
    """The cuts with the codec, and how it is described there."""
    return [(cut.name, codec) for cut in manifest.cuts for codec in cut.codecs if codec.name == _CODEC]
