"""The plain codecs: every number of the boundary as INT8 or FP16, then zstd."""

from collections.abc import Mapping

import numpy as np
import zstandard

from protos import bundle_pb2 as pb
from protos.codec.payload import Codes, Floats, check_length, check_names, checked, words
from protos.errors import PayloadError

_LEVEL = 9
_MAX_OVERHEAD = 1024  # zstd's own worst case on incompressible data is 1/256 and a few bytes


def max_bytes(raw: int) -> int:
    """The longest payload that a tensor of `raw` bytes can honestly need."""
    return raw + raw // 128 + _MAX_OVERHEAD


class Int8Zstd:
    """Per-channel asymmetric INT8, ranges fixed at calibration: `codes = round(x / scale) + zero`, then
    zstd.
    """

    name = "int8-zstd"
    feed: Mapping[str, Floats] = {}

    def __init__(self, spec: pb.Codec, scales: Mapping[str, Floats], zeros: Mapping[str, Floats]) -> None:
        self._spec, self._scales, self._zeros = spec, scales, zeros

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """Codes of one picture, each of its manifest shape a tile, to payloads by tensor name."""
        return {
            tensor.codes.name: _pack(checked(tensor, codes[tensor.codes.name]))
            for tensor in self._spec.tensors
        }

    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        """Payloads to boundary tensors (float32). Raises PayloadError or TooLarge for bytes that are not
        ours.
        """
        codes = _unpack(self._spec, payloads, tiles)
        return {
            name: (c.astype(np.float32) - self._zeros[name]) * self._scales[name] for name, c in codes.items()
        }


class Fp16Zstd:
    """The boundary as FP16, then zstd: what a cut costs before anything is lost. The reference of every
    report.
    """

    name = "fp16-zstd"
    feed: Mapping[str, Floats] = {}

    def __init__(self, spec: pb.Codec) -> None:
        self._spec = spec

    def encode(self, codes: Mapping[str, Codes]) -> dict[str, bytes]:
        """The boundary of one picture, each tensor of its manifest shape a tile, to payloads by tensor
        name.
        """
        with np.errstate(over="ignore"):  # what FP16 cannot hold becomes infinity, which the receiver refuses
            halves = {name: values.astype(np.float16) for name, values in codes.items()}
        return {
            tensor.codes.name: _pack(checked(tensor, halves[tensor.codes.name]))
            for tensor in self._spec.tensors
        }

    def decode(self, payloads: Mapping[str, bytes], tiles: int = 1) -> dict[str, Floats]:
        """Payloads to boundary tensors (float32). Raises PayloadError or TooLarge, also for what is not
        finite.
        """
        codes = _unpack(self._spec, payloads, tiles)
        for name, tensor in codes.items():
            if not np.isfinite(tensor).all():
                raise PayloadError(
                    f"tensor {name!r} holds NaN or infinity; send the picture instead", tensor=name
                )
        return {name: tensor.astype(np.float32) for name, tensor in codes.items()}


def _pack(codes: Codes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(
        np.ascontiguousarray(codes).tobytes()
    )


def _unpack(spec: pb.Codec, payloads: Mapping[str, bytes], tiles: int) -> dict[str, Codes]:
    check_names(spec, payloads)
    return {
        tensor.codes.name: _unpack_tensor(tensor, payloads[tensor.codes.name], tiles)
        for tensor in spec.tensors
    }


def _unpack_tensor(tensor: pb.CodedTensor, data: bytes, tiles: int) -> Codes:
    """Decompress one tensor; nothing is allocated before its declared size is the manifest's for so many
    tiles.
    """
    name, dtype, shape = tensor.codes.name, np.dtype(tensor.codes.dtype), tuple(tensor.codes.shape)
    expected = tiles * dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    check_length(tensor, data, tiles)
    try:
        declared = zstandard.get_frame_parameters(data).content_size
        if declared != expected:
            message = (
                f"tensor {name!r} would unpack to {declared} bytes, {tiles} x {words(tensor.codes)} "
                f"has {expected}"
            )
            raise PayloadError(message, tensor=name)
        raw = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(
            data, max_output_size=expected, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise PayloadError(
            f"tensor {name!r} is not a whole zstd frame ({error}); send it again", tensor=name
        ) from error
    if len(raw) != expected:
        raise PayloadError(
            f"tensor {name!r} unpacked to {len(raw)} bytes, {tiles} x {words(tensor.codes)} has {expected}",
            tensor=name,
        )
    return np.frombuffer(raw, dtype).reshape(-1, *shape[1:])
