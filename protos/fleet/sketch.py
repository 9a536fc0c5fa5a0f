"""Quantiles of what was measured, within 1% of their value, that add up: a DDSketch.

"DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees" (Masson, Rim and Lee,
VLDB 2019): the values in (gamma^(i-1), gamma^i] are counted in bin i. The library `ddsketch` keeps its bins
as lists of Python's floats, brings `six`, and merges what others have counted bin by bin. Here the bins are
one array, of a range that holds every time and every ratio of times, so that nothing that a sender claims
makes one larger.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protos import fleet_pb2 as pb
from protos.errors import PayloadError

ERROR = 0.01
MAX_TOLD = 512  # bins of a message: a range of 28,000 to 1, of which the lowest are told as one

_GAMMA = (1 + ERROR) / (1 - ERROR)
_LOG = float(np.log(_GAMMA))
_LOWEST, _HIGHEST = -700, 1100  # bins: from 8e-7 to 3.6e9; less counts as nothing, more as the highest
_LEAST = _GAMMA**_LOWEST
_MAX_COUNT = (1 << 32) - 1  # of one bin of a message
_MAX_VARINT = 5  # bytes

_LOGS = (np.arange(_LOWEST, _HIGHEST + 1) - 0.5) * _LOG  # of the middle of each bin
_POWERS = np.array([np.ones(len(_LOGS)), _LOGS, _LOGS**2])

Counts = NDArray[np.int64]


class ValueSketch:
    """Counts of values of at least 0."""

    def __init__(self) -> None:
        self._bins: Counts = np.zeros(_HIGHEST - _LOWEST + 1, np.int64)
        self._zeros, self.sum = 0, 0.0

    def add(self, *values: float) -> None:
        """Raises ValueError for one that is negative, NaN or infinite."""
        found = np.asarray(values, np.float64)
        if not (np.isfinite(found) & (found >= 0)).all():
            raise ValueError(f"a sketch counts values of at least 0, not {values}")
        counted = found[found > _LEAST]
        bins = np.ceil(np.log(counted) / _LOG).astype(np.int64)
        np.add.at(self._bins, np.minimum(bins, _HIGHEST) - _LOWEST, 1)
        self._zeros += len(found) - len(counted)
        self.sum += float(found.sum())

    def merge(self, told: Iterable[pb.Sketch]) -> None:
        """Add what others have counted. Raises PayloadError for what is no sketch, once those before it are
        added.
        """
        for one in told:
            counts = _counts(one)
            first = one.offset - _LOWEST
            self._bins[first : first + len(counts)] += counts
            self._zeros += one.zeros
            self.sum += one.sum

    @property
    def count(self) -> int:
        return self._zeros + int(self._bins.sum())

    @property
    def mean(self) -> float:
        """0 of no values."""
        return self.sum / max(self.count, 1)

    def quantile(self, share: float) -> float:
        """0 of no values."""
        return self.quantiles([share])[0]

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The values at shares from 0 to 1 of all, within 1% (the paper's algorithm 2); 0 of no values."""
        reached = self._zeros + np.cumsum(self._bins)
        ranks = np.asarray(shares) * max(self.count - 1, 0)
        bins = np.minimum(np.searchsorted(reached, ranks, side="right"), len(reached) - 1) + _LOWEST
        values = 2 * _GAMMA ** bins.astype(np.float64) / (_GAMMA + 1)
        return [float(value) for value in np.where(ranks < self._zeros, 0.0, values if self.count else 0.0)]

    def share_above(self, value: float) -> float:
        """Of all values, those greater than one, but for what lies in its own bin; 0 of no values."""
        if value <= _LEAST:
            above = int(self._bins.sum())
        else:
            own = min(int(np.ceil(np.log(value) / _LOG)), _HIGHEST) - _LOWEST
            above = int(self._bins[own + 1 :].sum())
        return above / max(self.count, 1)

    def message(self) -> pb.Sketch:
        """As it is told. Of more bins than a message may have the lowest are one."""
        told = pb.Sketch(zeros=min(self._zeros, _MAX_COUNT), sum=self.sum)
        if len(used := np.flatnonzero(self._bins)):
            first = max(int(used[0]), int(used[-1]) + 1 - MAX_TOLD)
            counts = self._bins[first : int(used[-1]) + 1].copy()
            counts[0] = self._bins[: first + 1].sum()
            told.offset, told.counts = first + _LOWEST, _packed(counts)
        return told


def sketch_of(told: Iterable[pb.Sketch]) -> ValueSketch:
    """All that others have counted, as one. Raises PayloadError for what is no sketch."""
    found = ValueSketch()
    found.merge(told)
    return found


class LogMoments(NamedTuple):
    """Of the logarithms of values that are not 0: how many, their sum, and that of their squares. They add
    up.
    """

    number: float = 0.0
    total: float = 0.0
    squares: float = 0.0


def log_moments(told: pb.Sketch) -> LogMoments:
    """Of what was counted, within 1% of each value. Raises PayloadError for what is no sketch."""
    counts = _counts(told)
    number, total, squares = (_POWERS[:, told.offset - _LOWEST :][:, : len(counts)] @ counts).tolist()
    return LogMoments(number, total, squares)


def check_sketch(told: pb.Sketch) -> None:
    """Raises PayloadError for what is no sketch."""
    _counts(told)


def _counts(told: pb.Sketch) -> Counts:
    """Raises PayloadError for more bins than there may be, others than there are, or a sum that is none."""
    if not (np.isfinite(told.sum) and told.sum >= 0):
        raise PayloadError(f"a sketch whose sum is {told.sum}; send the sum of its values")
    counts = _unpacked(told.counts)
    if len(counts) > MAX_TOLD:
        raise PayloadError(f"a sketch of {len(counts)} bins, at most {MAX_TOLD} are taken; join the lowest")
    if len(counts) and not _LOWEST <= told.offset <= _HIGHEST + 1 - len(counts):
        raise PayloadError(
            f"a sketch of {len(counts)} bins from {told.offset} on; send bins from {_LOWEST} to {_HIGHEST}"
        )
    return counts


def _packed(counts: Counts) -> bytes:
    """Unsigned LEB128: seven bits a byte, the lowest first; the eighth says that more follow."""
    bits = np.minimum(counts, _MAX_COUNT)[:, None] >> (7 * np.arange(_MAX_VARINT))
    more = bits >> 7 > 0
    used = np.concatenate([np.ones((len(counts), 1), bool), more[:, :-1]], axis=1)
    octets = ((bits & 127) | (more << 7)).astype(np.uint8)
    return bytes(octets[used])


def _unpacked(data: bytes) -> Counts:
    """Raises PayloadError."""
    if len(data) > _MAX_VARINT * MAX_TOLD:
        raise PayloadError(f"a sketch of {len(data)} bytes, at most {_MAX_VARINT * MAX_TOLD} are taken")
    found = np.frombuffer(data, np.uint8)
    if not len(found) or found.max() < 128:  # counts of a byte each, as most are
        return found.astype(np.int64)
    ends = np.flatnonzero(found < 128)
    if (len(found) and not len(ends)) or (len(ends) and ends[-1] != len(found) - 1):
        raise PayloadError("a sketch whose last count is not whole; send all of it")
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MAX_VARINT:
        raise PayloadError(f"a sketch with a count of {lengths.max()} bytes, at most {_MAX_VARINT} are taken")
    places = np.arange(len(found)) - np.repeat(starts, lengths)
    return np.add.reduceat((found.astype(np.int64) & 127) << (7 * places), starts)
