"""The coder's loops over symbols: in Python anywhere, compiled where numba is installed. Both give the same
integers.

The compiled ones take a twentieth of the time, and let other threads run meanwhile. Loading numba takes half
a second and 130 MB, so a process that codes little does without: who codes much calls `compile_loops`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, cached_property
from itertools import accumulate, chain, pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from protos.arrays import Integers

PRECISION = 12
TOTAL = 1 << PRECISION
INITIAL = 1 << 16
_WORD = 0xFFFF

Words = NDArray[np.uint16]


class Loops(Protocol):
    """The loops over some alphabets. A symbol's place is its index in all alphabets one after the other."""

    def write(self, places: NDArray[np.int64]) -> tuple[int, Words]:
        """Symbols to the state and the words that a reader takes after it."""

    def read(
        self, state: int, words: Words, taken: int, which: NDArray[np.int64]
    ) -> tuple[Integers, int, int]:
        """The places of symbols, one of each alphabet that `which` names, the state after them, and how many
        words are then taken.

        Of one word more than there are, where they do not suffice.
        """


def compile_loops() -> None:
    """Compile them for this process, where numba is installed. Coders that are made already use them too."""
    with suppress(ImportError):
        _compiled()


def are_compiled() -> bool:
    """Whether `compile_loops` found what compiles them."""
    return _compiled.cache_info().currsize > 0


class Plain:
    """In Python: a fifth of a microsecond a symbol."""

    def __init__(self, frequency: Sequence[Sequence[int]]) -> None:
        self._alphabets = frequency
        self._frequency, self._start = _flat(frequency)

    def write(self, places: NDArray[np.int64]) -> tuple[int, Words]:
        reverse = places[::-1]
        frequency, start = self._frequency[reverse], self._start[reverse]
        state, words = INITIAL, []
        parts = (frequency, frequency << (32 - PRECISION), TOTAL - frequency, start)
        for f, limit, others, c in zip(*(part.tolist() for part in parts), strict=True):
            if state >= limit:
                words.append(state & _WORD)
                state >>= 16
            state += state // f * others + c
        return state, np.array(words[::-1], np.uint16)

    def read(
        self, state: int, words: Words, taken: int, which: NDArray[np.int64]
    ) -> tuple[Integers, int, int]:
        places: list[int] = []
        following, alphabets, append = words.tolist(), self._slots, places.append
        try:
            for alphabet in which.tolist():
                slot = state & (TOTAL - 1)
                place, f, c = alphabets[alphabet][slot]
                append(place)
                state = f * (state >> PRECISION) + slot - c
                if state < INITIAL:
                    state = state << 16 | following[taken]
                    taken += 1
        except IndexError:
            taken += 1
        return np.array(places, np.int64), state, taken

    @cached_property
    def _slots(self) -> list[list[tuple[int, int, int]]]:
        """For each alphabet and each of its slots: the symbol's place, its frequency, its cumulative
        frequency.
        """
        rows = zip(range(len(self._frequency)), self._frequency.tolist(), self._start.tolist(), strict=True)
        slots = [[(place, f, c)] * f for place, f, c in rows]
        ends = accumulate(map(len, self._alphabets), initial=0)
        return [list(chain.from_iterable(slots[begin:end])) for begin, end in pairwise(ends)]


class Compiled:
    """By numba. Raises ImportError where it is not installed."""

    def __init__(self, frequency: Sequence[Sequence[int]]) -> None:
        self._write, self._read = _compiled()
        self._frequency, self._start = _flat(frequency)
        self._slots = np.repeat(np.arange(len(self._frequency), dtype=np.int32), self._frequency).reshape(
            len(frequency), TOTAL
        )

    def write(self, places: NDArray[np.int64]) -> tuple[int, Words]:
        state, words = self._write(places, self._frequency, self._start)
        return int(state), words

    def read(
        self, state: int, words: Words, taken: int, which: NDArray[np.int64]
    ) -> tuple[Integers, int, int]:
        places, state, taken = self._read(
            state, words, taken, which, self._frequency, self._start, self._slots
        )
        return places, int(state), int(taken)


def _flat(frequency: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frequencies and cumulative frequencies of all alphabets one after the other."""
    cumulative = [np.cumsum([0, *f[:-1]], dtype=np.int64) for f in frequency]
    return np.concatenate([np.array(f, np.int64) for f in frequency]), np.concatenate(cumulative)


@cache
def _compiled() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Both loops, for all alphabets. What takes a second to compile is kept on disk, where there is a place
    for it.
    """
    from numba import njit

    numbers, words = "int64[::1]", "uint16[::1]"
    signatures = {
        _write: f"Tuple((int64, {words}))({numbers}, {numbers}, {numbers})",
        _read: (
            f"Tuple(({numbers}, int64, int64))(int64, {words}, int64, {numbers}, {numbers}, {numbers}, "
            "int32[:, ::1])"
        ),
    }
    try:
        write, read = (
            njit(signature, nogil=True, cache=True)(loop) for loop, signature in signatures.items()
        )
    except Exception:  # noqa: BLE001 - no place to keep it, a full disk, or what is kept is damaged: numba raises what it meets
        write, read = (njit(signature, nogil=True)(loop) for loop, signature in signatures.items())
    return write, read


def _write(
    places: NDArray[np.int64], frequency: NDArray[np.int64], start: NDArray[np.int64]
) -> tuple[int, Words]:
    words, count, state = np.empty(len(places), np.uint16), 0, np.int64(INITIAL)
    for symbol in range(len(places) - 1, -1, -1):
        f = frequency[places[symbol]]
        if state >= f << (32 - PRECISION):
            words[count] = state & _WORD
            count += 1
            state >>= 16
        state += state // f * (TOTAL - f) + start[places[symbol]]
    return int(state), words[:count][::-1].copy()


def _read(
    state: int,
    words: Words,
    taken: int,
    which: NDArray[np.int64],
    frequency: NDArray[np.int64],
    start: NDArray[np.int64],
    slots: NDArray[np.int32],
) -> tuple[NDArray[np.int64], int, int]:
    places = np.empty(len(which), np.int64)
    for symbol in range(len(which)):
        slot = state & (TOTAL - 1)
        place = slots[which[symbol], slot]
        places[symbol] = place
        state = int(frequency[place] * (state >> PRECISION) + slot - start[place])
        if state < INITIAL:
            if taken == len(words):
                return places[: symbol + 1], state, taken + 1
            state = state << 16 | int(np.int64(words[taken]))
            taken += 1
    return places, state, taken
