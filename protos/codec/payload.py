"""What every codec checks of codes and payloads before it looks into them; shapes and limits come from the
manifest.

Those are of one tile. The tensors of a picture of several lie one after another along the first axis, in one
payload.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos.errors import PayloadError, TooLarge

Codes = NDArray[np.generic]
Sent = NDArray[np.int16]  # (tiles, codes): those of a tensor's codes that are sent, in order
Frame = Mapping[str, Sent]  # what is sent of a picture at a cut, by tensor


def names(spec: pb.Codec) -> list[str]:
    """The tensors that a codec codes."""
    return [tensor.codes.name for tensor in spec.tensors]


def check_names(spec: pb.Codec, payloads: Mapping[str, bytes]) -> None:
    """Raises PayloadError unless there is a payload for each tensor, and no other."""
    wanted = set(names(spec))
    if set(payloads) != wanted:
        raise PayloadError(
            f"the payloads are of other tensors, this cut has {sorted(wanted)}; send one of each",
            tensors=sorted(payloads),
        )


def check_length(tensor: pb.CodedTensor, data: bytes, tiles: int) -> None:
    """Raises TooLarge for more bytes than the tensor of so many tiles can need."""
    if len(data) > tensor.max_bytes * tiles:
        message = (
            f"tensor {tensor.codes.name!r} came as {len(data)} bytes, at most "
            f"{tensor.max_bytes * tiles} are accepted; send what the codec made of it, or the picture"
        )
        raise TooLarge(message, tensor=tensor.codes.name)


def checked(tensor: pb.CodedTensor, array: Codes) -> Codes:
    """Codes as they are, if they have the manifest's dtype, and its shape for every tile. Raises
    PayloadError.
    """
    if not tiled(array.shape, tuple(tensor.codes.shape)) or array.dtype != np.dtype(tensor.codes.dtype):
        raise PayloadError(
            f"tensor {tensor.codes.name!r} is {array.dtype} {array.shape}, the manifest says "
            f"{words(tensor.codes)}"
        )
    return array


def tiled(shape: tuple[int, ...], tile: tuple[int, ...]) -> bool:
    """Whether a tensor's shape is that of one tile, or of several along the first axis."""
    return len(shape) == len(tile) and shape[1:] == tile[1:] and shape[0] > 0 and shape[0] % tile[0] == 0


def words(spec: pb.TensorSpec) -> str:
    """A tensor's dtype and shape, as `int16 64x32`."""
    return f"{spec.dtype} {'x'.join(map(str, spec.shape))}"
