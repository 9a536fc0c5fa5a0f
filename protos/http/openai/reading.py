"""JSON bodies read by their types: what is wrong is named by its place."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from protos.http.refusals import BAD_REQUEST, Refused

_Body = TypeVar("_Body")


def read_json(
    body: bytes | bytearray, kind: type[_Body], read: Callable[[type, Any], Any] | None = None
) -> _Body:
    """A body as one of these. `read`: reads fields of types that JSON has not. Raises Refused, whose `param`
    is the field that is wrong.
    """
    try:
        return msgspec.json.decode(body, type=kind, dec_hook=read)
    except msgspec.ValidationError as error:
        words, param = _placed(str(error))
        raise Refused(BAD_REQUEST, words, param) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(BAD_REQUEST, f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise Refused(BAD_REQUEST, "the body is nested too deeply; send what the API describes") from error


def _placed(message: str) -> tuple[str, str | None]:
    """What is wrong, and the field: the library says it as `... - at `$.messages[0].role``."""
    what, _, place = message.partition(" - at `")
    param = place.rstrip("`").removeprefix("$").removeprefix(".") or None
    if param is None and (unknown := what.partition("unknown field `")[2].rstrip("`")):
        return f"there is no parameter {unknown!r}; leave it out", unknown
    what = what[0].lower() + what[1:]
    return (f"{param}: {what}" if param else what), param


def neutral(value: Any, among: tuple[Any, ...]) -> bool:
    """Whether a parameter's value asks for nothing. True and 1 are not the same."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in among)
