"""Range asymmetric numeral systems with static integer tables: integers to bytes, the same bytes on every
machine.

After Duda (2013) and Giesen's 32-bit form with 16-bit words: the state x lies in [2^16, 2^32); coding a
symbol of frequency f and cumulative frequency c out of 2^12 makes it `(x // f << 12) + c + x % f`. Symbols
are coded last to first and read first to last. A payload is the final state (4 bytes) and the words,
little-endian; reading must end in the initial state with no word left, which catches all but one in about
65,000 damaged payloads.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from protos.arrays import Integers
from protos.codec.rans_loops import INITIAL, PRECISION, TOTAL, Compiled, Loops, Plain, are_compiled
from protos.errors import PayloadError

__all__ = ["PRECISION", "Path", "Tables", "frequencies", "max_bytes"]

_OVERHEAD = 8

T = TypeVar("T")
Symbols = NDArray[np.int16]
Path = Generator[
    Integers, Symbols, T
]  # yields which alphabets follow, is sent their symbols, and returns what comes of all


def max_bytes(symbols: int) -> int:
    """The longest payload that so many symbols can need: the rarest of a table costs 12 bits."""
    return symbols * PRECISION // 8 + _OVERHEAD


def frequencies(counts: NDArray[np.int64]) -> list[int]:
    """Counts of the symbols of one alphabet as frequencies that sum to 2^12, each at least 1. At most 2^12
    symbols.
    """
    smoothed = counts + 0.05
    scaled = np.maximum(1, np.floor(smoothed / smoothed.sum() * (TOTAL - len(counts)))).astype(np.int64)
    scaled[scaled.argmax()] += TOTAL - scaled.sum()
    return [int(f) for f in scaled]


@dataclass(frozen=True)
class Tables:
    """Alphabets: symbols `low[i]` to `low[i] + len(frequency[i]) - 1`, with integer frequencies that sum to
    2^12.
    """

    low: Sequence[int]
    frequency: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        if len(self.low) != len(self.frequency) or any(sum(f) != TOTAL or min(f) < 1 for f in self.frequency):
            raise ValueError(f"the frequencies of every alphabet must be at least 1 and sum to {TOTAL}")

    @property
    def high(self) -> list[int]:
        """The largest symbol of each alphabet."""
        return [low + len(f) - 1 for low, f in zip(self.low, self.frequency, strict=True)]

    def encode(self, symbols: NDArray[np.integer], which: NDArray[np.integer]) -> bytes:
        """Symbols to bytes, each of the alphabet that `which` names. Raises PayloadError for a symbol outside
        its alphabet.
        """
        low, high, begin = (bound[which] for bound in self._bounds)
        if (symbols < low).any() or (symbols > high).any():
            raise PayloadError(
                "a code lies outside its channel's table; the head and the codec are not of the same bundle"
            )
        state, words = self._loops.write(symbols - low + begin)
        return state.to_bytes(4, "little") + words.astype("<u2").tobytes()

    def decode(self, data: bytes, path: Path[T]) -> T:
        """Bytes to what the path makes of all symbols. Raises PayloadError for bytes that `encode` did not
        make.
        """
        if len(data) < 4 or len(data) % 2:
            raise PayloadError(f"a payload of {len(data)} bytes is cut off; send it again")
        words = np.frombuffer(data, "<u2", offset=4).astype(np.uint16)
        state, taken, which = int.from_bytes(data[:4], "little"), 0, next(path)
        while True:
            if len(which) and not 0 <= which.min() <= which.max() < len(self.low):
                raise ValueError(f"alphabets {which.min()} to {which.max()} of {len(self.low)}")
            places, state, taken = self._loops.read(state, words, taken, which.astype(np.int64))
            if taken > len(words):
                raise PayloadError(
                    "the payload ends before its symbols do; it is cut off or damaged: send it again"
                )
            try:
                which = path.send(self._values[places])
            except StopIteration as end:
                made: T = end.value
                break
        if state != INITIAL or taken != len(words):
            raise PayloadError(
                "the payload does not end where its symbols do; it is damaged, or of another table: send "
                "it again"
            )
        return made

    @property
    def _loops(self) -> Loops:
        return self._compiled if are_compiled() else self._plain

    @cached_property
    def _plain(self) -> Plain:
        return Plain(self.frequency)

    @cached_property
    def _compiled(self) -> Compiled:
        return Compiled(self.frequency)

    @cached_property
    def _values(self) -> Symbols:
        """The symbols of all alphabets one after the other."""
        return np.concatenate(
            [np.arange(low, high + 1) for low, high in zip(self.low, self.high, strict=True)]
        ).astype(np.int16)

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of each alphabet the smallest and the largest symbol, and where it begins among all."""
        sizes = [len(f) for f in self.frequency]
        return np.array(self.low, np.int64), np.array(self.high, np.int64), np.cumsum([0, *sizes[:-1]])
