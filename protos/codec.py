"""Boundary tensors to bytes and back: the sole owner of what is on the wire.

The last ONNX piece of a cut turns floats into small integers ("codes"); `encode` turns codes into bytes, `decode` turns
bytes into the floats that the tail takes. Shapes and limits come from the manifest, never from the sender.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import zstandard
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos.errors import BundleDamaged, PayloadError, TooLarge, UnknownName

Codes = NDArray[np.generic]
Floats = NDArray[np.float32]

_LEVEL = 9
_MOST_OVERHEAD = 1024  # zstd's own worst case on incompressible data is 1/256 and a few bytes


def most_bytes(raw: int) -> int:
    """The longest payload that a tensor of `raw` bytes can honestly need."""
    return raw + raw // 128 + _MOST_OVERHEAD


class Int8Zstd:
    """Per-channel asymmetric INT8, ranges fixed at calibration: `codes = round(x / scale) + zero`, then zstd."""

    name = "int8-zstd"

    def __init__(self, spec: pb.Codec, scales: Mapping[str, Floats], zeros: Mapping[str, Floats]) -> None:
        self._spec, self._scales, self._zeros = spec, scales, zeros

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """Codes of one picture, each of its manifest shape, to payloads by tensor name."""
        return _pack(self._spec, codes)

    def decode(self, payloads: Mapping[str, bytes]) -> dict[str, Floats]:
        """Payloads to boundary tensors (float32). Raises PayloadError or TooLarge for bytes that are not ours."""
        codes = _unpack(self._spec, payloads)
        return {name: (c.astype(np.float32) - self._zeros[name]) * self._scales[name] for name, c in codes.items()}


class Fp16Zstd:
    """The boundary as FP16, then zstd: what a cut costs before anything is lost. The reference of every report."""

    name = "fp16-zstd"

    def __init__(self, spec: pb.Codec) -> None:
        self._spec = spec

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """FP16 tensors of one picture, each of its manifest shape, to payloads by tensor name."""
        return _pack(self._spec, codes)

    def decode(self, payloads: Mapping[str, bytes]) -> dict[str, Floats]:
        """Payloads to boundary tensors (float32). Raises PayloadError or TooLarge, also for what is not finite."""
        codes = _unpack(self._spec, payloads)
        for name, tensor in codes.items():
            if not np.isfinite(tensor).all():
                raise PayloadError(f"tensor {name!r} holds NaN or infinity; send the picture instead", tensor=name)
        return {name: tensor.astype(np.float32) for name, tensor in codes.items()}


Codec = Int8Zstd | Fp16Zstd
NAMES = (Int8Zstd.name, Fp16Zstd.name)


def sender(spec: pb.Codec) -> Codec:
    """The sender's half of a codec; it can encode only."""
    if spec.name == Int8Zstd.name:
        return Int8Zstd(spec, {}, {})
    if spec.name == Fp16Zstd.name:
        return Fp16Zstd(spec)
    raise UnknownName("codec", spec.name, list(NAMES))


def receiver(spec: pb.Codec, path: Path | None) -> Codec:
    """Both halves of a codec, its tables read from `path` (an .npz with `scale/TENSOR` and `zero/TENSOR`)."""
    if spec.name != Int8Zstd.name or path is None:
        return sender(spec)
    names = [tensor.codes.name for tensor in spec.tensors]
    with np.load(path, allow_pickle=False) as tables:
        scales = {name: tables[f"scale/{name}"].astype(np.float32) for name in names}
        zeros = {name: tables[f"zero/{name}"].astype(np.float32) for name in names}
    if not all(np.isfinite(table).all() for table in (*scales.values(), *zeros.values())):
        raise BundleDamaged(f"{path} holds a scale that is not finite; split the model again", file=str(path))
    return Int8Zstd(spec, scales, zeros)


def _pack(spec: pb.Codec, codes: Mapping[str, Codes]) -> dict[str, bytes]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
    payloads = {}
    for tensor in spec.tensors:
        array = codes[tensor.codes.name]
        if array.shape != tuple(tensor.codes.shape) or array.dtype != np.dtype(tensor.codes.dtype):
            raise PayloadError(f"tensor {tensor.codes.name!r} is {array.dtype} {array.shape}, the manifest says {_words(tensor.codes)}")
        payloads[tensor.codes.name] = compressor.compress(np.ascontiguousarray(array).tobytes())
    return payloads


def _unpack(spec: pb.Codec, payloads: Mapping[str, bytes]) -> dict[str, Codes]:
    wanted = {tensor.codes.name for tensor in spec.tensors}
    if set(payloads) != wanted:
        raise PayloadError(f"the payload holds tensors {sorted(payloads)}, this cut has {sorted(wanted)}", tensors=sorted(payloads))
    return {tensor.codes.name: _unpack_tensor(tensor, payloads[tensor.codes.name]) for tensor in spec.tensors}


def _unpack_tensor(tensor: pb.CodedTensor, data: bytes) -> Codes:
    """Decompress one tensor; nothing is allocated before its declared size is the manifest's."""
    name, dtype, shape = tensor.codes.name, np.dtype(tensor.codes.dtype), tuple(tensor.codes.shape)
    expected = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(data) > tensor.most_bytes:
        raise TooLarge(f"tensor {name!r} came as {len(data)} bytes, at most {tensor.most_bytes} are accepted", tensor=name)
    try:
        declared = zstandard.get_frame_parameters(data).content_size
        if declared != expected:
            raise PayloadError(f"tensor {name!r} would unpack to {declared} bytes, {_words(tensor.codes)} has {expected}", tensor=name)
        raw = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(data, max_output_size=expected, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PayloadError(f"tensor {name!r} is not a whole zstd frame ({error}); send it again", tensor=name) from error
    if len(raw) != expected:
        raise PayloadError(f"tensor {name!r} unpacked to {len(raw)} bytes, {_words(tensor.codes)} has {expected}", tensor=name)
    return np.frombuffer(raw, dtype).reshape(shape)


def _words(spec: pb.TensorSpec) -> str:
    return f"{spec.dtype} {'x'.join(map(str, spec.shape))}"
