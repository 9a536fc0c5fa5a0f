"""Numbers on the command line: the one check that each is what it should be, as an argument's type."""

import argparse
from collections.abc import Callable

_MAX_WHOLE = (1 << 31) - 1


def whole(least: int = 1, most: int = _MAX_WHOLE) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not {_bounds(least, most)}")
        return number

    return read


def number(least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """A number within bounds; with `above`, the lower one not included."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not least <= found <= most or (above and found == least):
            bounds = f"above {least:g} and at most {most:g}" if above else f"between {least:g} and {most:g}"
            raise argparse.ArgumentTypeError(f"{text} is not {bounds}")
        return found

    return read


def _bounds(least: int, most: int) -> str:
    return f"at least {least}" if most == _MAX_WHOLE else f"between {least} and {most}"
