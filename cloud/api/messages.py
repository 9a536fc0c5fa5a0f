"""Requests out of the bytes of the wire, which gRPC hands over as they came.

What nobody can read is the caller's mistake and gets a reason; gRPC's own reading would end the call as
UNKNOWN, with a traceback for each in the log. Fields are counted before protobuf makes an object of each: an
empty one is two bytes on the wire and many in memory.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from protos.errors import RequestError

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_MAX_VARINT_BYTES = 10

M = TypeVar("M", bound=Message)


def parse(kind: type[M], data: bytes, max_fields: int) -> M:
    """A message of at most so many fields. Raises RequestError."""
    if next(islice(_fields(kind, data), max_fields, None), None) is not None:
        raise RequestError(
            f"the request has more than {max_fields} fields, and none that is right has so many; send fewer "
            "payloads, labels or texts",
            max_fields=max_fields,
        )
    try:
        return kind.FromString(data)
    except DecodeError:
        raise _unreadable(kind) from None  # protobuf's words are of its own inside


def _fields(kind: type[Message], data: bytes) -> Iterator[int]:
    """The numbers of all fields, also of the messages inside. Raises RequestError for what is no message."""
    parts: list[tuple[Any, int, int]] = [(kind.DESCRIPTOR, 0, len(data))]
    while parts:
        inside, place, end = parts.pop()
        while place < end:
            tag, place = _varint(kind, data, place)
            number, wire_type = tag >> 3, tag & 7
            yield number
            start = place
            if wire_type == _VARINT:
                _, place = _varint(kind, data, place)
            elif wire_type == _LENGTH:
                size, start = _varint(kind, data, place)
                place = start + size
            else:
                place += _FIXED.get(wire_type, end)  # past the end: a group, which no request of ours has
            if place > end:
                raise _unreadable(kind)
            field = inside.fields_by_number.get(number)
            if wire_type == _LENGTH and field and field.message_type:
                parts.append((field.message_type, start, place))


def _varint(kind: type[Message], data: bytes, place: int) -> tuple[int, int]:
    """A number, and the place behind it."""
    value = 0
    for index, byte in enumerate(data[place : place + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, place + index + 1
    raise _unreadable(kind)


def _unreadable(kind: type[Message]) -> RequestError:
    return RequestError(
        f"the message is no {kind.DESCRIPTOR.name} that this version can read; send one of "
        "protos/inference.proto, its texts in UTF-8"
    )
