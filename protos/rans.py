"""Range asymmetric numeral systems with static integer tables: integers to bytes, the same bytes on every machine.

After Duda (2013) and Giesen's 32-bit form with 16-bit words: the state x lies in [2^16, 2^32); coding a symbol of frequency f
and cumulative frequency c out of 2^12 makes it `(x // f << 12) + c + x % f`. Symbols are coded last to first and read first to
last. A payload is the final state (4 bytes) and the words, little-endian; reading must end in the initial state with no word
left, which catches all but one in about 65,000 damaged payloads.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from protos.errors import PayloadError

PRECISION = 12
_TOTAL = 1 << PRECISION
_INITIAL = 1 << 16
_WORD = 0xFFFF
_OVERHEAD = 8


def most_bytes(symbols: int) -> int:
    """The longest payload that so many symbols can need: the rarest of a table costs 12 bits."""
    return symbols * PRECISION // 8 + _OVERHEAD


def frequencies(counts: NDArray[np.int64]) -> list[int]:
    """Counts of the symbols of one alphabet as frequencies that sum to 2^12, each at least 1. At most 2^12 symbols."""
    smoothed = counts + 0.05
    scaled = np.maximum(1, np.floor(smoothed / smoothed.sum() * (_TOTAL - len(counts)))).astype(np.int64)
    scaled[scaled.argmax()] += _TOTAL - scaled.sum()
    return [int(f) for f in scaled]


@dataclass(frozen=True)
class Tables:
    """Alphabets: symbols `low[i]` to `low[i] + len(frequency[i]) - 1`, with integer frequencies that sum to 2^12."""

    low: Sequence[int]
    frequency: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        if len(self.low) != len(self.frequency) or any(sum(f) != _TOTAL or min(f) < 1 for f in self.frequency):
            raise ValueError(f"the frequencies of every alphabet must be at least 1 and sum to {_TOTAL}")

    @property
    def high(self) -> list[int]:
        """The largest symbol of each alphabet."""
        return [low + len(f) - 1 for low, f in zip(self.low, self.frequency, strict=True)]

    def encode(self, symbols: NDArray[np.integer], which: NDArray[np.integer] | None = None) -> bytes:
        """Symbols to bytes, each of the alphabet that `which` (count) names; without it (count, channels), an alphabet a channel.

        Raises PayloadError for a symbol outside its alphabet.
        """
        low, high, begin = self._bounds if which is None else (bound[which] for bound in self._bounds)
        if (symbols < low).any() or (symbols > high).any():
            raise PayloadError("a code lies outside its channel's table; the head and the codec are not of the same bundle")
        index = (symbols - low + begin).ravel()[::-1]
        frequency, start = (table[index] for table in self._flat)
        state, words = _INITIAL, []
        parts = (frequency, frequency << (32 - PRECISION), _TOTAL - frequency, start)
        for f, limit, others, c in zip(*(part.tolist() for part in parts), strict=True):
            if state >= limit:
                words.append(state & _WORD)
                state >>= 16
            state += state // f * others + c
        return state.to_bytes(4, "little") + np.array(words[::-1], "<u2").tobytes()

    def decode(self, data: bytes, count: int) -> NDArray[np.int16]:
        """Bytes to symbols (count, channels), an alphabet a channel. Raises PayloadError for bytes that `encode` did not make."""
        return self.decode_each(data, np.tile(np.arange(len(self.low)), count)).reshape(count, len(self.low))

    def decode_each(self, data: bytes, which: NDArray[np.integer]) -> NDArray[np.int16]:
        """Bytes to symbols, one of each alphabet that `which` (count) names. Raises PayloadError for bytes that `encode` did not make."""
        return self.decode_along(data, lambda _: which.tolist())

    def decode_along(self, data: bytes, path: Callable[[Sequence[int]], Iterable[int]]) -> NDArray[np.int16]:
        """The same where symbols say which alphabets follow: `path` gets the list of those read, which grows as it names alphabets."""
        if len(data) < 4 or len(data) % 2:
            raise PayloadError(f"a payload of {len(data)} bytes is cut off; send it again")
        words = np.frombuffer(data, "<u2", offset=4).tolist()
        symbols, state, read = self._read(int.from_bytes(data[:4], "little"), words, path)
        if state != _INITIAL or read != len(words):
            raise PayloadError("the payload does not end where its symbols do; it is damaged, or of another table: send it again")
        return np.array(symbols, np.int16)

    def _read(self, state: int, words: list[int], path: Callable[[Sequence[int]], Iterable[int]]) -> tuple[list[int], int, int]:
        symbols: list[int] = []
        read, alphabets, append = 0, self._slots, symbols.append
        try:
            for alphabet in path(symbols):
                slot = state & (_TOTAL - 1)
                symbol, f, c = alphabets[alphabet][slot]
                append(symbol)
                state = f * (state >> PRECISION) + slot - c
                if state < _INITIAL:
                    state = state << 16 | words[read]
                    read += 1
        except IndexError as error:
            raise PayloadError("the payload ends before its symbols do; it is cut off or damaged: send it again") from error
        return symbols, state, read

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of each alphabet the smallest and the largest symbol, and where it begins in `_flat`."""
        sizes = [len(f) for f in self.frequency]
        return np.array(self.low, np.int64), np.array(self.high, np.int64), np.cumsum([0, *sizes[:-1]])

    @cached_property
    def _flat(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Frequencies and cumulative frequencies of all alphabets one after the other."""
        cumulative = [np.cumsum([0, *f[:-1]]) for f in self.frequency]
        return np.concatenate([np.array(f, np.int64) for f in self.frequency]), np.concatenate(cumulative)

    @cached_property
    def _slots(self) -> list[list[tuple[int, int, int]]]:
        """For each alphabet and each of the 2^12 slots: the symbol, its frequency, its cumulative frequency."""
        return [_slots_of(low, f) for low, f in zip(self.low, self.frequency, strict=True)]


def _slots_of(low: int, frequency: Sequence[int]) -> list[tuple[int, int, int]]:
    slots: list[tuple[int, int, int]] = []
    for offset, f in enumerate(frequency):
        slots += [(low + offset, f, len(slots))] * f
    return slots
