"""The messages of a fleet, to protobuf's JSON and from it.

Nothing of a message is believed before it is read whole: its size, its encoding, its syntax, its fields.
Fields have the names of `fleet.proto`, so that a refusal's `settings.cuts.pinned` is what stands in the
message.
"""

import json
import math
from typing import Any, Literal, NamedTuple, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from protos import fleet_pb2 as pb
from protos.errors import RequestError, TooLarge

Fault = Literal["encoding", "syntax", "depth", "duplicate", "number", "field"]
MessageT = TypeVar("MessageT", bound=Message)

_MAX_DEPTH = 12
_MAX_WORDS = 300


class MalformedMessage(RequestError):
    """Bytes that are no message of their kind. `fault` says in which way."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message, fault=fault)
        self.fault = fault


class _Form(NamedTuple):
    """How a kind of message travels. `strict`: whoever reads it refuses fields that it does not know. A
    device does not act on half of an order; a controller reads what a newer device tells.
    """

    max_bytes: int
    strict: bool = False


_FORMS: dict[type[Message], _Form] = {
    pb.DeviceState: _Form(32 << 10),
    pb.Desired: _Form(64 << 10, strict=True),
    pb.Reported: _Form(96 << 10),  # settings that are complete, and a refusal
    pb.Telemetry: _Form(64 << 10),
    pb.Job: _Form(16 << 10, strict=True),
    pb.JobStatus: _Form(64 << 10),
}


def max_bytes(kind: type[Message]) -> int:
    """That a message of a kind may have as JSON."""
    return _FORMS[kind].max_bytes


def to_json(message: Message) -> bytes:
    """One line of UTF-8. Raises TooLarge for more than its kind may have."""
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
    data = json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    _check_size(type(message), len(data))
    return data


def from_json(kind: type[MessageT], data: bytes) -> MessageT:
    """A message of one of the kinds that travel. Raises TooLarge, MalformedMessage."""
    _check_size(kind, len(data))
    text = _text(data)
    found = kind()
    try:
        json_format.ParseDict(
            _table(kind, text),
            found,
            ignore_unknown_fields=not _FORMS[kind].strict,
            max_recursion_depth=_MAX_DEPTH,
        )
    except (json_format.ParseError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise MalformedMessage("field", f"no {kind.__name__}: {str(error)[:_MAX_WORDS]}") from error
    # a number may be one of these, in quotes; a sign of JSON can be hidden behind \u alone
    if ("NaN" in text or "Infinity" in text or "\\u" in text) and not _finite(found):
        raise MalformedMessage("number", f"no {kind.__name__}: NaN or infinity in it; give numbers")
    return found


def _check_size(kind: type[Message], size: int) -> None:
    if size > (most := _FORMS[kind].max_bytes):
        raise TooLarge(
            f"a {kind.__name__} of {size} bytes; at most {most} are taken: tell less of it",
            bytes=size,
            most=most,
        )


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage("encoding", f"not UTF-8 at byte {error.start}; send JSON in UTF-8") from error


def _table(kind: type[Message], text: str) -> dict[str, Any]:
    try:
        table = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise MalformedMessage("depth", f"no {kind.__name__}: nested too deep") from error
    except ValueError as error:  # a number of thousands of digits too
        raise MalformedMessage("syntax", f"no JSON: {str(error)[:_MAX_WORDS]}") from error
    if not isinstance(table, dict):
        raise MalformedMessage("syntax", f"no {kind.__name__}: it is one JSON object")
    return table


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedMessage("duplicate", f"{twice[:_MAX_WORDS]!r} stands twice in one object")
    return table


def _no_number(name: str) -> float:
    raise MalformedMessage("number", f"{name} is no number of JSON")


def _finite(message: Message) -> bool:
    """Whether no number in it is NaN or infinite."""
    return all(_finite_value(value) for _, value in message.ListFields())


def _finite_value(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Message):
        return _finite(value)
    if isinstance(value, (str, bytes, int)):
        return True
    return all(map(_finite_value, value.values() if hasattr(value, "values") else value))
