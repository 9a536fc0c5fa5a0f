"""Codes of a frame as their differences from another's: what did not change costs next to nothing.

Both sides hold the reference. A difference lies under a two-sided geometric law, coded by rANS with static
integer tables; how wide a law, follows from the spread of the code's own table and from how much moves, which
the payload says: one `motion` for all rows (tokens, or directions that mix them), or two, and which rows are
the lively ones. A difference beyond its law escapes to a plain number. All of it is integers, so the same
bytes come out everywhere.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protos.codec import rans
from protos.errors import PayloadError

FINER = 5  # odd, so that rounding twice is rounding once
_NEAR = 3  # of the finer steps
_MUCH = 12  # one of so many codes
MOTIONS = 16
_STILLEST = -14  # thirds of an octave from a code's own spread to that of its difference, at motion 0
# The share of a law's last weight that the next has, in 65536ths: of deviations 2^(-12/3), 2^(-11/3), ...
# steps.
_DECAYS = [
    128,
    202,
    319,
    504,
    793,
    1242,
    1929,
    2964,
    4479,
    6620,
    9505,
    13176,
    17560,
    22466,
    27627,
    32768,
    37656,
    42130,
    46102,
]
_DECAYS += [49546, 52475, 54930, 56963, 58633, 59994, 61097, 61987, 62703, 63277]
_NARROWEST = -12
_LAWS = len(_DECAYS)
_PEAK = 1 << 28
# of 4096: how many of the rows are lively; their tables follow the laws'
_LIVELY = (
    64,
    256,
    512,
    1024,
    2048,
    3072,
    3584,
)
_HALF = _LAWS + len(_LIVELY)  # the table of half an escaped difference
_HALF_BITS = 7
_WIDEST = 1 << (2 * _HALF_BITS - 1)
_COST_UNIT = 32  # a bit
_USUAL = 2  # of `_LIVELY`, where motions are compared

Differences = NDArray[np.int64]


class Rows(NamedTuple):
    """What the header says: the motion of calm rows and of lively ones, and how many are lively, an index of
    `_LIVELY`.
    """

    calm: int
    lively: int
    density: int = 0

    @property
    def alike(self) -> bool:
        return self.calm == self.lively


class InterFrameCoder:
    """Differences of codes (tiles, count) for the tables of one level: `which` of them each code has, and the
    row that it lies in.
    """

    def __init__(self, tables: rans.Tables, which: NDArray[np.integer], rows: NDArray[np.integer]) -> None:
        spread = np.array(
            [_thirds_of_octaves(*table) for table in zip(tables.low, tables.frequency, strict=True)], np.int64
        )
        motions = np.arange(MOTIONS)[:, None] + _STILLEST - _NARROWEST
        self._laws = (spread[which] + motions).clip(0, _LAWS - 1)  # (motions, codes)
        _, self._starts, self._row = np.unique(rows, return_index=True, return_inverse=True)
        self._low, self._high = np.array(tables.low)[which], np.array(tables.high)[which]

    def encode(self, codes: NDArray[np.integer], reference: NDArray[np.integer]) -> bytes:
        """What changed, as bytes; none where nothing did."""
        differences = codes.astype(np.int64) - reference
        if not differences.any():
            return b""
        rows, lively = self._chosen(differences)
        head = [rows.calm << 4 | rows.lively] if rows.alike else [rows.calm << 4 | rows.lively, rows.density]
        flags = np.empty(0, np.int64) if rows.alike else lively.ravel().astype(np.int64)
        which = self._laws_of(rows, lively)
        symbols, escaped = _escaping(differences.ravel(), which)
        coded = np.concatenate([flags, symbols, escaped])
        alphabets = np.concatenate(
            [np.full(len(flags), _LAWS + rows.density), which, np.full(len(escaped), _HALF)]
        )
        return bytes(head) + _tables().encode(coded, alphabets)

    def decode(self, data: bytes, reference: NDArray[np.integer]) -> NDArray[np.int16]:
        """Bytes to codes, given the reference (tiles, count). Raises PayloadError for bytes that `encode` did
        not make.
        """
        if not data:
            return reference.astype(np.int16)
        rows, body = _opened(data)
        codes = reference + _tables().decode(body, self._path(rows, len(reference))).reshape(reference.shape)
        if (codes < self._low).any() or (codes > self._high).any():
            raise PayloadError(
                "the differences lead out of the codes' tables; the payload is damaged: send a key frame"
            )
        return codes.astype(np.int16)

    def _chosen(self, differences: Differences) -> tuple[Rows, NDArray[np.bool_]]:
        """The motions that code these differences shortest, and which rows (tiles, rows) are lively."""
        reach = _costs().shape[1] // 2
        # one at a time: all motions of many would be half a gigabyte
        tiles = differences.clip(-reach, reach) + reach
        each = [np.add.reduceat(_costs()[self._laws, one], self._starts, axis=1) for one in tiles]
        costs = np.concatenate(each, axis=1)  # (motions, rows of all tiles)
        still = int(costs.sum(1).argmin())
        shape, flag = (len(differences), -1), _flag_costs()
        pairs = np.minimum(costs[:, None] + flag[_USUAL, 0], costs[None] + flag[_USUAL, 1]).sum(2)
        calm, moved = (int(place) for place in np.unravel_index(pairs.argmin(), pairs.shape))
        of_density = np.minimum(costs[calm] + flag[:, :1], costs[moved] + flag[:, 1:]).sum(1)
        density = int(of_density.argmin())
        if of_density[density] + 8 * _COST_UNIT >= costs[still].sum() or calm == moved:
            return Rows(still, still), np.zeros((len(differences), len(self._starts)), bool)
        lively = costs[moved] + flag[density, 1] < costs[calm] + flag[density, 0]
        return Rows(calm, moved, density), lively.reshape(shape)

    def _laws_of(self, rows: Rows, lively: NDArray[np.bool_]) -> Differences:
        """The law of each code, of all tiles in order; `lively` (tiles, rows) counts only where not all rows
        are alike.
        """
        if rows.alike:
            return np.asarray(np.tile(self._laws[rows.calm], len(lively)))
        return np.asarray(
            np.where(lively[:, self._row], self._laws[rows.lively], self._laws[rows.calm]).ravel()
        )

    def _path(self, rows: Rows, tiles: int) -> rans.Path[Differences]:
        """Flags of the rows, then the differences, then the halves of those that escaped; to the differences
        of all tiles in order.
        """
        flags = yield np.full(0 if rows.alike else tiles * len(self._starts), _LAWS + rows.density)
        which = self._laws_of(rows, flags.reshape(tiles, -1).astype(bool))
        symbols = (yield which).astype(np.int64)
        beyond = symbols == _reaches()[which] + 1
        halves = (yield np.full(2 * np.count_nonzero(beyond), _HALF)).reshape(-1, 2).astype(np.int64)
        symbols[beyond] = (halves[:, 0] << _HALF_BITS) + halves[:, 1] - _WIDEST
        return symbols


def held(finer: NDArray[np.integer], reference: NDArray[np.integer]) -> Differences:
    """Codes from codes `FINER` times as fine, but the reference's wherever those lie within 0.7 of a step of
    it, unless much moves.

    A plain rounding would let noise flip every code that lies near a border; a code held is at most a fifth
    of a step worse. Where many codes change in spite of it, it is not noise, and a picture that lags behind
    would cost more than it saves.
    """
    fine, plain = finer.astype(np.int64), rounded(finer)
    calm = np.where(np.abs(fine - FINER * reference.astype(np.int64)) <= _NEAR, reference, plain)
    return plain if _MUCH * np.count_nonzero(calm != reference) > calm.size else calm


def rounded(finer: NDArray[np.integer]) -> Differences:
    """Codes from codes `FINER` times as fine."""
    return np.asarray((finer.astype(np.int64) + FINER // 2) // FINER)


def _opened(data: bytes) -> tuple[Rows, bytes]:
    """A payload's header and the rest."""
    calm, lively = data[0] >> 4, data[0] & 15
    if calm == lively:
        return Rows(calm, lively), data[1:]
    if len(data) < 2 or data[1] >= len(_LIVELY):
        raise PayloadError(f"a payload of {len(data)} bytes is no difference of frames; send a key frame")
    return Rows(calm, lively, data[1]), data[2:]


def _escaping(differences: Differences, which: Differences) -> tuple[Differences, Differences]:
    """Differences as symbols of their laws, and both halves of each that lies beyond."""
    reach = _reaches()[which]
    beyond = np.abs(differences) > reach
    plain = differences[beyond] + _WIDEST
    halves = np.stack([plain >> _HALF_BITS, plain & ((1 << _HALF_BITS) - 1)], 1)
    return np.where(beyond, reach + 1, differences), halves.ravel()


def _thirds_of_octaves(low: int, frequency: Sequence[int]) -> int:
    """Three times the binary logarithm of a table's standard deviation."""
    first = sum(f * (low + place) for place, f in enumerate(frequency))
    second = sum(f * (low + place) ** 2 for place, f in enumerate(frequency))
    variance = (second << rans.PRECISION) - first * first  # times 2^24
    return ((variance**6).bit_length() - 1 - 6 * 2 * rans.PRECISION + 2) // 4


def _law(decay: int) -> list[int]:
    """Frequencies of the differences -reach, ..., reach, and of an escape."""
    weights = [_PEAK]
    while (following := weights[-1] * decay >> 16) << (rans.PRECISION + 1) > _PEAK:
        weights.append(following)
    spread = [*weights[:0:-1], *weights]
    room, total = (1 << rans.PRECISION) - len(spread) - 1, sum(spread)
    frequency = [1 + weight * room // total for weight in spread] + [1]
    frequency[len(weights) - 1] += (1 << rans.PRECISION) - sum(frequency)
    return frequency


@cache
def _tables() -> rans.Tables:
    """The laws, the flags of lively rows at each density, and halves of numbers."""
    laws = [_law(decay) for decay in _DECAYS]
    flags = [[(1 << rans.PRECISION) - lively, lively] for lively in _LIVELY]
    half = [1 << (rans.PRECISION - _HALF_BITS)] * (1 << _HALF_BITS)
    return rans.Tables([-(len(law) // 2 - 1) for law in laws] + [0] * (len(flags) + 1), [*laws, *flags, half])


@cache
def _reaches() -> Differences:
    """The largest difference of each law; one more stands for an escape."""
    return -np.array(_tables().low[:_LAWS], np.int64)


@cache
def _costs() -> Differences:
    """What a difference costs under each law: (laws, differences), 0 in the middle; both ends are escapes."""
    reach = int(_reaches().max()) + 1
    costs = np.full((_LAWS, 2 * reach + 1), _cost(1) + 2 * _HALF_BITS * _COST_UNIT, np.int64)
    for law, own in enumerate(_reaches()):
        costs[law, reach - own : reach + own + 1] = [_cost(f) for f in _tables().frequency[law][:-1]]
    return costs


@cache
def _flag_costs() -> Differences:
    """What a calm and a lively row cost at each density."""
    return np.array([[_cost((1 << rans.PRECISION) - lively), _cost(lively)] for lively in _LIVELY])


def _cost(frequency: int) -> int:
    """Bits of a symbol, in 32nds: a logarithm without floats."""
    power: int = frequency**_COST_UNIT
    return _COST_UNIT * rans.PRECISION - power.bit_length() + 1
