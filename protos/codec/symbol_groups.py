"""Several codes as one symbol: most of what a narrow table codes is zero, and a coder takes as long for a
zero as for anything else.

Of a table that is joined, `members` codes in order make a symbol, a number with a digit for each, as long as
all lie within `reach` of zero. Where one lies beyond, another symbol says so, and behind all the rest its
codes follow one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protos.arrays import Integers
from protos.codec import rans

MAX = 8  # members, and codes from zero


@dataclass(frozen=True)
class JointTable:
    """How the codes of one table are joined; `frequency` is that of every symbol, the last one for groups
    with a code beyond.

    Raises ValueError for a table of another size, or too large for the coder.
    """

    members: int
    reach: int
    frequency: Sequence[int]

    def __post_init__(self) -> None:
        if not (2 <= self.members <= MAX and 1 <= self.reach <= MAX) or len(self.frequency) != symbols(
            self.members, self.reach
        ):
            raise ValueError("a joint table whose size is not that of its symbols")
        rans.Tables([0], [self.frequency])


class SymbolGroups:
    """The coder of one level: `which` of the tables each code has, and how each table is joined, None where
    it is not.
    """

    def __init__(self, tables: rans.Tables, joints: Sequence[JointTable | None], which: Integers) -> None:
        self._count = len(which)
        made = [joint for joint in joints if joint]
        self._tables = rans.Tables(
            [*tables.low, *[0] * len(made)], [*tables.frequency, *(joint.frequency for joint in made)]
        )
        sets = [
            _GroupSet(joints, which, *kind)
            for kind in dict.fromkeys((one.members, one.reach) for one in made)
        ]
        self._sets = [one for one in sets if len(one.places)]
        joined = [place for one in self._sets for place in one.places.ravel()]
        self._single = np.setdiff1d(np.arange(self._count), joined)
        self._alphabets = np.concatenate(
            [*(one.alphabets for one in self._sets), which[self._single]]
        ).astype(np.int64)

    @property
    def max_symbols(self) -> int:
        """So many can be needed: every group's, and the codes of each one by one."""
        return len(self._alphabets) + sum(one.places.size for one in self._sets)

    def encode(self, sent: Integers) -> bytes:
        """Codes (tiles, count), all within their tables, to bytes."""
        joined = [one.joined(sent) for one in self._sets]
        symbols = np.concatenate([*(numbers for numbers, _, _ in joined), sent[:, self._single]], 1)
        every = np.concatenate([symbols.ravel(), *(codes for _, codes, _ in joined)])
        return self._tables.encode(
            every, np.concatenate([np.tile(self._alphabets, len(sent)), *(tables for _, _, tables in joined)])
        )

    def decode(self, data: bytes, tiles: int) -> NDArray[np.int16]:
        """Bytes to codes (tiles, count). Raises PayloadError for bytes that `encode` did not make."""
        return self._tables.decode(data, self._path(tiles))

    def _path(self, tiles: int) -> rans.Path[NDArray[np.int16]]:
        """The symbols of all tiles, then the codes of groups with one beyond; to codes (tiles, count)."""
        read = yield np.tile(self._alphabets, tiles)
        symbols = read.reshape(tiles, -1)
        parts = list(zip(self._sets, self._parts(symbols), strict=True))
        rest = yield np.concatenate(
            [np.empty(0, np.int64), *(one.beyond_tables(numbers == one.beyond) for one, numbers in parts)]
        )
        sent = np.empty((tiles, self._count), np.int16)
        sent[:, self._single] = symbols[:, len(self._alphabets) - len(self._single) :]
        for one, numbers in parts:
            rest = rest[one.ungroup(sent, numbers, rest) :]
        return sent

    def _parts(self, symbols: Integers) -> list[Integers]:
        """The symbols (tiles, groups) of each set."""
        ends = np.cumsum([len(one.places) for one in self._sets])
        return [symbols[:, end - len(one.places) : end] for one, end in zip(self._sets, ends, strict=True)]


class _GroupSet:
    """All groups of as many members of the same reach: the places (groups, members) of their codes, and the
    joint table of each group.
    """

    def __init__(
        self, joints: Sequence[JointTable | None], which: Integers, members: int, reach: int
    ) -> None:
        self._reach, self.beyond = reach, _beyond(members, reach)
        numbers = np.arange(self.beyond + 1)[:, None]
        # of each symbol
        self._codes = (numbers // _weights(members, reach) % (2 * reach + 1) - reach).astype(np.int16)
        number = np.cumsum([joint is not None for joint in joints]) - 1
        alike = [
            table
            for table, joint in enumerate(joints)
            if joint and (joint.members, joint.reach) == (members, reach)
        ]
        places = [np.flatnonzero(which == table) for table in alike]
        groups = [found[: len(found) // members * members].reshape(-1, members) for found in places]
        self.places = np.concatenate(groups)
        self._plain = np.repeat(alike, [len(found) for found in groups])
        self.alphabets = len(joints) + number[self._plain]  # behind the plain ones

    def joined(self, sent: Integers) -> tuple[Integers, Integers, Integers]:
        """The symbols (tiles, groups) of codes; and of the groups with one beyond all codes, and their
        tables.
        """
        codes = sent[:, self.places]
        numbers = _numbers(codes.astype(np.int64), self._reach)
        beyond = numbers == self.beyond
        return numbers, codes[beyond].ravel(), self.beyond_tables(beyond)

    def beyond_tables(self, beyond: NDArray[np.bool_]) -> Integers:
        """The tables of those codes."""
        return np.repeat(np.tile(self._plain, len(beyond))[beyond.ravel()], self.places.shape[1])

    def ungroup(self, sent: NDArray[np.int16], numbers: Integers, rest: Integers) -> int:
        """Put the codes of symbols (tiles, groups) into their places; how many of the rest those with one
        beyond take.
        """
        values = self._codes[numbers]
        beyond = numbers == self.beyond
        taken: int = int(np.count_nonzero(beyond)) * self.places.shape[1]
        values[beyond] = rest[:taken].reshape(-1, self.places.shape[1])
        sent[:, self.places] = values
        return taken


def symbols(members: int, reach: int) -> int:
    """How many symbols a joint table has."""
    return _beyond(members, reach) + 1


def _beyond(members: int, reach: int) -> int:
    """The symbol that stands for groups with a code beyond: one more than all others."""
    others: int = (2 * reach + 1) ** members
    return others


def _weights(members: int, reach: int) -> Integers:
    """What a member's digit is worth in a symbol: (members)."""
    weights: Integers = (2 * reach + 1) ** np.arange(members)
    return weights


def _numbers(values: Integers, reach: int) -> Integers:
    """The symbols (...) of groups of codes (..., members)."""
    members = values.shape[-1]
    numbers = (values + reach) @ _weights(members, reach)
    return np.where((np.abs(values) > reach).any(-1), _beyond(members, reach), numbers)


def joint(codes: Integers, members: int, reach: int) -> JointTable:
    """Joint frequencies of codes (pictures, codes of one table)."""
    groups = codes.shape[1] // members
    values = codes[:, : groups * members].reshape(-1, members)
    return JointTable(
        members,
        reach,
        rans.frequencies(np.bincount(_numbers(values, reach), minlength=_beyond(members, reach) + 1)),
    )


def bits(codes: Integers, low: int, frequency: Sequence[int], how: JointTable | None = None) -> float:
    """The ideal length of codes (pictures, codes of one table): one by one by its frequencies, or joined."""
    alone = rans.PRECISION - np.log2(frequency)
    if how is None:
        return float(alone[codes - low].sum())
    together, groups = rans.PRECISION - np.log2(how.frequency), codes.shape[1] // how.members
    values, left = np.split(codes, [groups * how.members], axis=1)
    values = values.reshape(-1, how.members)
    numbers = _numbers(values, how.reach)
    beyond = values[numbers == _beyond(how.members, how.reach)]
    return float(together[numbers].sum() + alone[beyond - low].sum() + alone[left - low].sum())
