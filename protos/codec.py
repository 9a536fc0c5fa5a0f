"""Boundary tensors to bytes and back: the sole owner of what is on the wire.

The last ONNX piece of a cut turns floats into small integers ("codes"); `encode` turns codes into bytes, `decode` turns
bytes into the floats that the tail takes. Shapes and limits come from the manifest, never from the sender.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import zstandard
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import rans
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


@dataclass(frozen=True)
class Projection:
    """How codes become a boundary tensor again: `codes * step @ basis + mean`.

    `basis` (channels, width) holds orthonormal rows; `mean` (tokens, width) is that of each position.
    """

    step: float
    basis: Floats
    mean: Floats


class Fitted:
    """Position mean removed, projected on principal directions, one step size; entropy-coded with static tables (rANS)."""

    name = "fitted"

    def __init__(self, spec: pb.Codec, tables: Mapping[str, rans.Tables], projections: Mapping[str, Projection]) -> None:
        self._spec, self._tables, self._projections = spec, tables, projections

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """Codes of one picture, each (tokens, channels), to payloads by tensor name. Raises PayloadError for codes not of this bundle."""
        payloads = {}
        for tensor in self._spec.tensors:
            array = _checked(tensor, codes[tensor.codes.name])
            payloads[tensor.codes.name] = self._tables[tensor.codes.name].encode(array.astype(np.int64))
        return payloads

    def decode(self, payloads: Mapping[str, bytes]) -> dict[str, Floats]:
        """Payloads to boundary tensors (float32). Raises PayloadError or TooLarge for bytes that are not ours."""
        _check_names(self._spec, payloads)
        return {tensor.codes.name: self._decode(tensor, payloads[tensor.codes.name]) for tensor in self._spec.tensors}

    def _decode(self, tensor: pb.CodedTensor, data: bytes) -> Floats:
        _check_length(tensor, data)
        name, projection = tensor.codes.name, self._projections[tensor.codes.name]
        codes = self._tables[name].decode(data, tensor.codes.shape[0])
        values = (codes.astype(np.float32) * np.float32(projection.step)) @ projection.basis + projection.mean
        return np.asarray(values, np.float32)


Codec = Int8Zstd | Fp16Zstd | Fitted
KINDS = (Int8Zstd.name, Fp16Zstd.name, Fitted.name)


def sender(spec: pb.Codec, path: Path | None = None) -> Codec:
    """The sender's half of a codec, which can encode only; `path` is its file, where the manifest names one."""
    kind = spec.kind or spec.name
    if kind == Int8Zstd.name:
        return Int8Zstd(spec, {}, {})
    if kind == Fp16Zstd.name:
        return Fp16Zstd(spec)
    if kind == Fitted.name and path:
        with _reading(path) as stored:
            return Fitted(spec, {name: _tables(stored, name) for name in _names(spec)}, {})
    raise UnknownName("codec", spec.name, list(KINDS))


def receiver(spec: pb.Codec, path: Path | None) -> Codec:
    """Both halves of a codec; `path` is the receiver's file, where the manifest names one. Raises BundleDamaged for a broken one."""
    kind = spec.kind or spec.name
    if path is None or kind not in (Int8Zstd.name, Fitted.name):
        return sender(spec)
    with _reading(path) as stored:
        if kind == Int8Zstd.name:
            return Int8Zstd(
                spec, {n: _finite(stored[f"scale/{n}"]) for n in _names(spec)}, {n: _finite(stored[f"zero/{n}"]) for n in _names(spec)}
            )
        return Fitted(spec, {n: _tables(stored, n) for n in _names(spec)}, {n: _projection(stored, n) for n in _names(spec)})


def table_arrays(name: str, tables: rans.Tables) -> dict[str, NDArray[np.int32]]:
    """A tensor's tables as arrays for an .npz: what `sender` and `receiver` read."""
    sizes = [len(f) for f in tables.frequency]
    flat = [f for channel in tables.frequency for f in channel]
    arrays = {"low": list(tables.low), "size": sizes, "frequency": flat}
    return {f"{part}/{name}": np.array(values, np.int32) for part, values in arrays.items()}


def projection_arrays(name: str, projection: Projection) -> dict[str, Floats]:
    """A tensor's projection as arrays for an .npz: what `receiver` reads besides."""
    return {
        f"step/{name}": np.array(projection.step, np.float32),
        f"basis/{name}": projection.basis.astype(np.float32),
        f"mean/{name}": projection.mean.astype(np.float32),
    }


@contextmanager
def _reading(path: Path) -> Iterator[Mapping[str, NDArray[np.generic]]]:
    """An .npz, opened without pickle; whatever is wrong with it is a damaged bundle."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            yield stored
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BundleDamaged(f"{path} does not hold the tables of its codec ({error}); split the model again", file=str(path)) from error


def _names(spec: pb.Codec) -> list[str]:
    return [tensor.codes.name for tensor in spec.tensors]


def _tables(stored: Mapping[str, NDArray[np.generic]], name: str) -> rans.Tables:
    low, size, flat = (stored[f"{part}/{name}"].astype(np.int64) for part in ("low", "size", "frequency"))
    ends = np.cumsum(size)
    return rans.Tables(low.tolist(), [flat[end - count : end].tolist() for end, count in zip(ends, size, strict=True)])


def _projection(stored: Mapping[str, NDArray[np.generic]], name: str) -> Projection:
    step, basis, mean = (_finite(stored[f"{part}/{name}"]) for part in ("step", "basis", "mean"))
    return Projection(float(step), basis, mean)


def _finite(table: NDArray[np.generic]) -> Floats:
    values = table.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a number that is not finite")
    return values


def _pack(spec: pb.Codec, codes: Mapping[str, Codes]) -> dict[str, bytes]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
    arrays = {tensor.codes.name: _checked(tensor, codes[tensor.codes.name]) for tensor in spec.tensors}
    return {name: compressor.compress(np.ascontiguousarray(array).tobytes()) for name, array in arrays.items()}


def _checked(tensor: pb.CodedTensor, array: Codes) -> Codes:
    if array.shape != tuple(tensor.codes.shape) or array.dtype != np.dtype(tensor.codes.dtype):
        raise PayloadError(f"tensor {tensor.codes.name!r} is {array.dtype} {array.shape}, the manifest says {_words(tensor.codes)}")
    return array


def _unpack(spec: pb.Codec, payloads: Mapping[str, bytes]) -> dict[str, Codes]:
    _check_names(spec, payloads)
    return {tensor.codes.name: _unpack_tensor(tensor, payloads[tensor.codes.name]) for tensor in spec.tensors}


def _check_names(spec: pb.Codec, payloads: Mapping[str, bytes]) -> None:
    wanted = set(_names(spec))
    if set(payloads) != wanted:
        raise PayloadError(f"the payload holds tensors {sorted(payloads)}, this cut has {sorted(wanted)}", tensors=sorted(payloads))


def _check_length(tensor: pb.CodedTensor, data: bytes) -> None:
    if len(data) > tensor.most_bytes:
        message = f"tensor {tensor.codes.name!r} came as {len(data)} bytes, at most {tensor.most_bytes} are accepted"
        raise TooLarge(message, tensor=tensor.codes.name)


def _unpack_tensor(tensor: pb.CodedTensor, data: bytes) -> Codes:
    """Decompress one tensor; nothing is allocated before its declared size is the manifest's."""
    name, dtype, shape = tensor.codes.name, np.dtype(tensor.codes.dtype), tuple(tensor.codes.shape)
    expected = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    _check_length(tensor, data)
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
