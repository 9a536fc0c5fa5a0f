"""Tensors as zstd frames: what is unpacked is bounded by the manifest, never by the sender."""

from collections.abc import Mapping

import numpy as np

from protos import bundle_pb2 as pb
from protos.codec.payload import Codes, check_length, check_names, words
from protos.compression import zstd
from protos.errors import PayloadError

_HOW: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 9,
    zstd.CompressionParameter.checksum_flag: 1,
}
_LIMITS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 27}
_MAX_OVERHEAD = 1024  # zstd's own worst case on incompressible data is 1/256 and a few bytes


def max_bytes(raw: int) -> int:
    """The longest payload that a tensor of `raw` bytes can honestly need."""
    return raw + raw // 128 + _MAX_OVERHEAD


def pack(codes: Codes) -> bytes:
    return zstd.compress(np.ascontiguousarray(codes).tobytes(), options=_HOW)


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
        declared = zstd.get_frame_info(data).decompressed_size
        if declared != expected:
            message = (
                f"tensor {name!r} would unpack to {declared} bytes, {tiles} x {words(tensor.codes)} "
                f"has {expected}; send what the codec made of it"
            )
            raise PayloadError(message, tensor=name)
        reader = zstd.ZstdDecompressor(options=_LIMITS)
        raw = reader.decompress(data, max_length=expected)
    except zstd.ZstdError as error:
        raise _not_whole(name) from error
    if not reader.eof or reader.unused_data or len(raw) != expected:
        raise _not_whole(name)
    return np.frombuffer(raw, dtype).reshape(-1, *shape[1:])


def _not_whole(name: str) -> PayloadError:
    return PayloadError(f"tensor {name!r} is not a whole zstd frame; send it again", tensor=name)
