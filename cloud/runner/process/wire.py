"""Messages between the service and the process that runs its models: msgpack, and behind it the bytes of
arrays. Nothing of them is code, and no size is believed before it is checked.
"""

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cloud.runner.sampling import Sampler

PREFIX = struct.Struct("<IQ")  # how many bytes of msgpack follow, and how many of arrays behind it
MAX_HEAD_BYTES = 64 << 20
MAX_ARRAY_BYTES = 16 << 30
_ALIGNMENT = 64
_DTYPES = {name: np.dtype(name) for name in ("float32", "float64", "int64", "int32", "uint8", "bool")}
_ARRAY, _SAMPLER, OBJECT, MODEL = range(1, 5)  # kinds of msgpack's extensions

Buffer = bytes | bytearray | memoryview


class Reference(NamedTuple):
    """What is written for a thing that stays where it is."""

    kind: int  # OBJECT or MODEL
    numbers: Sequence[int]


class WireError(ValueError):
    """A message is not what this version writes."""


def pack(value: object, refer: Callable[[Any], Reference | None]) -> list[Buffer]:
    """A message in parts. `refer`: the reference to a thing that is not sent; None where it is."""
    arrays: list[Buffer] = []
    size = 0

    def extension(thing: Any) -> msgspec.msgpack.Ext:
        nonlocal size
        if reference := refer(thing):
            return _extension(reference.kind, reference.numbers)
        if isinstance(thing, Sampler):
            return _extension(_SAMPLER, [thing.temperature, thing.top_p, thing.seed])
        if not isinstance(thing, (Tensor, np.ndarray)):
            raise TypeError(f"{type(thing).__name__} cannot be sent to another process")
        array = np.ascontiguousarray(thing.numpy() if isinstance(thing, Tensor) else thing)
        told = _extension(_ARRAY, [_DTYPES[array.dtype.name].name, thing.shape, size])
        arrays.append(array.reshape(-1).view(np.uint8).data)
        gap = -array.nbytes % _ALIGNMENT
        arrays.append(bytes(gap))
        size += array.nbytes + gap
        return told

    head = msgspec.msgpack.encode(value, enc_hook=extension)
    if len(head) > MAX_HEAD_BYTES or size > MAX_ARRAY_BYTES:
        raise WireError(f"a message of {len(head)} bytes and {size} of arrays is larger than is read")
    return [PREFIX.pack(len(head), size), head, *arrays]


def sizes(prefix: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Bytes of msgpack and of arrays that follow. Raises WireError for more than is read."""
    head, arrays = PREFIX.unpack(prefix)
    if head > MAX_HEAD_BYTES or arrays > MAX_ARRAY_BYTES:
        raise WireError(f"a message claims {head} bytes and {arrays} of arrays")
    return head, arrays


def unpack(
    head: Buffer,
    arrays: bytearray,
    found: Callable[[Reference], object],
    as_read: Callable[[NDArray[Any]], object] = lambda array: array,
) -> Any:
    """What was packed; lists for its sequences. `found`: what a reference is to; `as_read`: what is made of
    an array. Raises WireError.
    """

    def thing(kind: int, data: memoryview) -> object:
        numbers: Any = msgspec.msgpack.decode(data)
        if kind == _ARRAY:
            return as_read(_array(arrays, *numbers))
        if kind == _SAMPLER:
            return Sampler(*numbers)
        return found(Reference(kind, numbers))

    try:
        return msgspec.msgpack.decode(head, ext_hook=thing)
    except (msgspec.DecodeError, TypeError, ValueError, KeyError) as error:
        raise WireError(f"a message cannot be read: {error}") from error


def _extension(kind: int, fields: Sequence[object]) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(kind, msgspec.msgpack.encode(fields))


def _array(arrays: bytearray, name: str, shape: Sequence[int], place: int) -> NDArray[Any]:
    dtype, count = _DTYPES[name], math.prod(shape)
    if min([place, *shape]) < 0 or place + count * dtype.itemsize > len(arrays):
        raise WireError(f"an array of {shape} {name} at {place} is not within {len(arrays)} bytes")
    return np.frombuffer(arrays, dtype, count, place).reshape(shape)
