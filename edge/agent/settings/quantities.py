"""Quantities of a configuration file, written with their unit as on the command line: `"300ms"`, `"2/s"`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from protos.config import expanded
from protos.errors import RequestError
from protos.terminal import units


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of the file: a field that it does not know is an error, `-` stands for `_`."""


class Milliseconds(float):
    """A time, as `"300ms"`, `"1.5s"`, `"10min"`, `"24h"`."""

    __slots__ = ()

    @property
    def seconds(self) -> float:
        return self / 1000


class Bytes(int):
    """A size, as `"50MB"`."""

    __slots__ = ()


class Percent(float):
    """A share, as `"20%"`."""

    __slots__ = ()


class Celsius(float):
    """A temperature, as `"85C"`."""

    __slots__ = ()


class Joules(float):
    """An energy, as `"500J"`, `"20kJ"`, `"5Wh"`."""

    __slots__ = ()


class PerSecond(float):
    """A rate, as `"2/s"`, `"30/min"`, `"4/h"`."""

    __slots__ = ()

    @property
    def seconds(self) -> float:
        """Between two."""
        return 1 / self


class Url:
    """An address that may hold a user and a password: only `text` tells them, never a message or a log."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return without_secrets(self.text)

    def __repr__(self) -> str:
        return repr(str(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def without_secrets(text: str) -> str:
    """A text in which addresses have no user, no password and no query."""
    return _QUERY.sub(r"\1?***", _USER.sub("://***@", text))


_USER = re.compile(r"://[^\s'\"]*@")
_QUERY = re.compile(r"(://[^\s'\"?]*)\?[^\s'\"]*")
_PERIODS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_MAX_PER_SECOND = 1000.0


def _per_second(text: str) -> float:
    number, slash, period = text.partition("/")
    try:
        count = float(number)
    except ValueError:
        count = float("nan")
    if not slash or period.strip() not in _PERIODS:
        raise RequestError(f"{text!r} is no rate; write 2/s, 30/min or 4/h")
    found = count / _PERIODS[period.strip()]
    if not 0 < found <= _MAX_PER_SECOND:
        raise RequestError(f"a rate of {text!r} is not possible; give more than 0 and at most 1000/s")
    return found


_READERS: dict[type, Callable[[str], float]] = {
    Milliseconds: units.milliseconds,
    Bytes: units.size,
    Percent: units.percent,
    Celsius: units.celsius,
    Joules: units.joules,
    PerSecond: _per_second,
}


def read_quantity(wanted: type, value: Any) -> Any:
    """A value of the file as one of these types, or a path. Raises ValueError: what to write."""
    if wanted is Path:
        return expanded(_text(value, "a path"))
    if wanted is Url:
        return Url(_text(value, "an address"))
    if wanted not in _READERS:
        raise NotImplementedError(f"no reader of {wanted}")
    text = _text(value, "a quantity with its unit")
    try:
        return wanted(_READERS[wanted](text))
    except RequestError as error:
        raise ValueError(str(error)) from None


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not {what} in quotes")
    return value
