"""A recorded uplink: when packets may leave, and so how long a payload takes, whenever it starts.

A trace in mahimahi's format names the milliseconds at which a packet of 1500 bytes may leave; at its end it
starts over. A table of seconds and Mbit/s (CSV) is read as the packets that such a link would carry.

A payload of k packets that starts between two such moments leaves with the k-th after it, so over the starts
of one gap its time is uniform between d and d + g: g is the gap, d the time from the gap's end to the moment
of the last packet. All gaps together are the exact distribution over starts drawn uniformly; nothing is
sampled.
"""

import csv
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from protos.errors import RequestError

PACKET_BYTES = 1500
OUTAGE_MS = 1000.0  # a gap this long is an outage
_MAX_FILE_BYTES = 64 << 20
_MAX_MS = 10**10
_MAX_PACKETS = 20_000_000  # of a table
_FORMATS = "it needs one whole millisecond a line (mahimahi's format), or seconds,Mbit/s (CSV)"

Milliseconds = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TraceTimes:
    """The distribution of a payload's time on the link, in milliseconds: uniform over (least, least + gap),
    weighed by the gap.
    """

    least: Milliseconds
    gaps: Milliseconds

    @cached_property
    def mean(self) -> float:
        return float(((self.least + self.gaps / 2) * self.gaps).sum() / self.gaps.sum())

    def quantile(self, part: float) -> float:
        """The time that this part of the starts (0 to 1) stays within."""
        ends = np.concatenate([self.least, self.least + self.gaps])
        order = np.argsort(ends, kind="stable")
        ends, under_way = ends[order], np.cumsum(np.repeat([1.0, -1.0], len(self.gaps))[order])
        mass = np.concatenate([[0.0], np.cumsum(under_way[:-1] * np.diff(ends))])
        wanted = part * self.gaps.sum()
        after = min(max(int(np.searchsorted(mass, wanted)), 1), len(mass) - 1)
        return float(ends[after - 1] + (wanted - mass[after - 1]) / max(under_way[after - 1], 1.0))

    def above(self, limit: float) -> float:
        """The part of the starts (0 to 1) that take longer than a limit."""
        return max(0.0, 1.0 - float(np.clip(limit - self.least, 0.0, self.gaps).sum() / self.gaps.sum()))


@dataclass(frozen=True)
class Outages:
    """The gaps of a second or more in which nothing leaves."""

    count: int
    longest_ms: float
    part: float  # of the trace's time

    @property
    def words(self) -> str:
        if not self.count:
            return "the trace has no outage of a second or more"
        times = "once" if self.count == 1 else f"{self.count} times"
        return (
            f"outages: nothing leaves for a second or more {times}, {self.part:.1%} of the time, at "
            f"most {self.longest_ms / 1000:.1f} s"
        )


@dataclass(frozen=True)
class Trace:
    """A recorded link: when packets may leave, in milliseconds, in order; the last one is the length of the
    trace.
    """

    milliseconds: tuple[int, ...]

    def __post_init__(self) -> None:
        moments = self.milliseconds
        if (
            not moments
            or moments[0] < 0
            or not 1 <= moments[-1] <= _MAX_MS
            or any(a > b for a, b in pairwise(moments))
        ):
            raise RequestError(
                "a trace needs one millisecond a line, none smaller than the one before, the last above 0"
            )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a trace file: mahimahi's, or a table of seconds and Mbit/s. Raises RequestError where it is
        neither.
        """
        try:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_FILE_BYTES + 1)
            return cls(_moments(raw))
        except OSError as error:
            raise RequestError(f"the trace {path} cannot be read ({error.strerror}); name another") from error
        except (ValueError, RequestError) as error:
            raise RequestError(f"{path} is not a trace ({error}); {_FORMATS}") from error

    @cached_property
    def rate(self) -> float:
        """Mean bits a second."""
        return 8000 * PACKET_BYTES * len(self.milliseconds) / self.milliseconds[-1]

    @property
    def length(self) -> float:
        """Seconds until it starts over."""
        return self.milliseconds[-1] / 1000

    def sent(self, seconds: float) -> float:
        """Bytes that may have left so many seconds after the start."""
        rounds, rest = divmod(round(seconds * 1000, 6), self.milliseconds[-1])
        return PACKET_BYTES * (rounds * len(self.milliseconds) + bisect_right(self.milliseconds, rest))

    def seconds(self, sent: float) -> float:
        """Seconds after the start at which so many bytes may have left. The inverse of `sent`."""
        if sent <= 0:
            return 0.0
        rounds, index = divmod(math.ceil(sent / PACKET_BYTES) - 1, len(self.milliseconds))
        return (rounds * self.milliseconds[-1] + self.milliseconds[index]) / 1000

    @cached_property
    def outages(self) -> Outages:
        long = self._gaps[self._gaps >= OUTAGE_MS]
        return Outages(len(long), float(long.max(initial=0.0)), float(long.sum() / self.milliseconds[-1]))

    def times(self, size: int) -> TraceTimes:
        """How long a payload of `size` bytes takes to leave, over all starts."""
        packets = max(1, -(-size // PACKET_BYTES))
        rounds, last = np.divmod(np.arange(len(self._moments)) + packets - 1, len(self._moments))
        least = rounds * self._moments[-1] + self._moments[last] - self._moments
        there = self._gaps > 0  # no start lies between two packets of the same millisecond
        return TraceTimes(least[there], self._gaps[there])

    @cached_property
    def _moments(self) -> Milliseconds:
        return np.array(self.milliseconds, np.float64)

    @cached_property
    def _gaps(self) -> Milliseconds:
        """The gap before each moment; the one before the first begins with the last packet of the round
        before.
        """
        return np.diff(self._moments, prepend=0.0)


def _moments(raw: bytes) -> tuple[int, ...]:
    if len(raw) > _MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {_MAX_FILE_BYTES} bytes")
    lines = [line.strip() for line in raw.decode("ascii").splitlines()]
    if any("," in line for line in lines):
        return _packets(lines)
    wrong = next((number for number, line in enumerate(lines, 1) if line and not line.isdecimal()), None)
    if wrong is not None:
        raise ValueError(f"line {wrong} is {lines[wrong - 1][:20]!r}")
    return tuple(int(line) for line in lines if line)


def _packets(lines: Sequence[str]) -> tuple[int, ...]:
    """The packets that a link of these rates carries; a rate holds until the next line's time, the last for
    as long as the one before.
    """
    rows = [_row(number, row) for number, row in enumerate(csv.reader(lines), 1) if row]
    known = [row for row in rows if row is not None]
    if len(known) < 2:
        raise ValueError("a table has two lines at least")
    begins, rates = np.array([row[0] for row in known]), np.array([row[1] for row in known])
    lengths = np.diff(begins, append=2 * begins[-1] - begins[-2])
    if not (lengths > 0).all():
        raise ValueError("its seconds do not grow")
    ends = np.concatenate([[0.0], np.cumsum(lengths)]) * 1000
    carried = np.concatenate([[0.0], np.cumsum(lengths * rates)]) * 1e6 / 8 / PACKET_BYTES
    if not 1 <= carried[-1] <= _MAX_PACKETS:
        raise ValueError(f"it carries {carried[-1]:.0f} packets, not between 1 and {_MAX_PACKETS}")
    wanted = np.arange(1, int(carried[-1]) + 1)
    after = np.searchsorted(carried, wanted)  # the end of the line in which each packet leaves
    begun, per_packet = carried[after - 1], np.diff(ends)[after - 1] / np.diff(carried)[after - 1]
    moments = np.ceil(ends[after - 1] + (wanted - begun) * per_packet - 1e-6)
    # the last packet says where the trace starts over
    return *(int(moment) for moment in moments[:-1]), math.ceil(ends[-1])


def _row(number: int, row: Sequence[str]) -> tuple[float, float] | None:
    """Seconds and Mbit/s; None for the names of the columns."""
    try:
        begin, rate = (float(cell) for cell in row)
    except ValueError:
        if number == 1:
            return None
        raise ValueError(f"line {number} is not seconds,Mbit/s") from None
    if not (math.isfinite(begin) and begin >= 0 and math.isfinite(rate) and rate >= 0):
        raise ValueError(f"line {number} holds a number that is negative or none")
    return begin, rate
