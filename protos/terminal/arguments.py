"""Numbers, times and rates on the command line: the one check that each is what it should be, as an
argument's type.

argparse names the option beside the message, and ends with status 2.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

from protos.errors import RequestError
from protos.terminal import units

_MAX_WHOLE = (1 << 31) - 1
Number = TypeVar("Number", int, float)


def whole(least: int = 1, most: int = _MAX_WHOLE) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= found <= most:
            bounds = f"at least {least}" if most == _MAX_WHOLE else f"between {least} and {most}"
            raise ArgumentTypeError(f"{text} is not {bounds}")
        return found

    return read


def number(least: float, most: float, what: str = "") -> Callable[[str], float]:
    """A number within bounds; `what` it counts."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            raise ArgumentTypeError(f"{text!r} is not between {least:g} and {most:g} {what}".rstrip())
        return found

    return read


def milliseconds(least: str = "1ms", most: str = "1h") -> Callable[[str], float]:
    """A time with its unit, within bounds, in milliseconds."""
    lower, upper = units.milliseconds(least), units.milliseconds(most)

    def read(text: str) -> float:
        found = _with_unit(units.milliseconds, text)
        if not lower <= found <= upper:
            raise ArgumentTypeError(f"{text!r} is not between {least} and {most}")
        return found

    return read


def seconds(least: str = "1ms", most: str = "1h") -> Callable[[str], float]:
    """The same in seconds."""
    within = milliseconds(least, most)

    def read(text: str) -> float:
        return within(text) / 1000

    return read


def rate(text: str) -> float:
    """Bits a second, with their unit."""
    return _with_unit(units.rate, text)


def size(text: str) -> int:
    """Bytes, with their unit."""
    return _with_unit(units.size, text)


def percent(text: str) -> float:
    """A share, with its sign."""
    return _with_unit(units.percent, text)


def share(least: str, most: str) -> Callable[[str], float]:
    """A share with its sign, within bounds, as a part of 1."""
    lower, upper = units.percent(least), units.percent(most)

    def read(text: str) -> float:
        found = percent(text)
        if not lower <= found <= upper:
            raise ArgumentTypeError(f"{text!r} is not between {least} and {most}")
        return found / 100

    return read


def celsius(text: str) -> float:
    """Degrees, with their unit."""
    return _with_unit(units.celsius, text)


def _with_unit(read: Callable[[str], Number], text: str) -> Number:
    try:
        return read(text)
    except RequestError as error:
        raise ArgumentTypeError(str(error)) from None
