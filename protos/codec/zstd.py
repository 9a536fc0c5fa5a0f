"""Tensors as zstd frames: what is unpacked is bounded by the manifest, never by the sender."""

from collections.abc import Mapping

import numpy as np
import zstandard

from protos import bundle_pb2 as pb
from protos.codec.payload import Codes, check_length, check_names, words
from protos.errors import PayloadError

_LEVEL = 9
_MAX_OVERHEAD = 1024  # zstd's own worst case on incompressible data is 1/256 and a few bytes


def max_bytes(raw: int) -> int:
    """The longest payload that a tensor of `raw` bytes can honestly need."""
    return raw + raw // 128 + _MAX_OVERHEAD


def pack(codes: Codes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(
        np.ascontiguousarray(codes).tobytes()
    )


def unpack(spec: pb.Codec, payloads: Mapping[str, bytes], tiles: int) -> dict[str, Codes]:
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
                f"has {expected}; send what the codec made of it"
            )
            raise PayloadError(message, tensor=name)
        raw = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(
            data, max_output_size=expected, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise PayloadError(
            f"tensor {name!r} is not a whole zstd frame; send it again", tensor=name
        ) from error
    if len(raw) != expected:
        raise PayloadError(
            f"tensor {name!r} unpacked to {len(raw)} bytes, {tiles} x {words(tensor.codes)} has {expected}; "
            "send it again",
            tensor=name,
        )
    return np.frombuffer(raw, dtype).reshape(-1, *shape[1:])
