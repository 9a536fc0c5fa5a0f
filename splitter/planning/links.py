"""The link that a plan is made for: steady, or as one was recorded."""

from dataclasses import dataclass
from typing import Protocol

from protos.terminal.units import format_rate, format_time
from protos.traces import Outages, Trace


class Times(Protocol):
    """How long a payload takes to leave, in milliseconds, over all instants at which it may start."""

    @property
    def mean(self) -> float: ...

    def quantile(self, part: float) -> float:
        """The time that this part of the starts (0 to 1) stays within."""

    def above(self, limit: float) -> float:
        """The part of the starts (0 to 1) that take longer than a limit."""


class Link(Protocol):
    """What comes back is a few words, so only the way up counts."""

    @property
    def uplink(self) -> float:
        """Mean bits a second."""

    @property
    def round_trip(self) -> float:
        """Milliseconds."""

    @property
    def words(self) -> str:
        """The link in a few words."""

    @property
    def outages(self) -> Outages | None:
        """How often nothing leaves; None where that is not known or cannot be."""

    def times(self, size: int) -> Times:
        """How long so many bytes take to leave, without the round trip."""


@dataclass(frozen=True)
class Always:
    """The same time for every start."""

    mean: float

    def quantile(self, part: float) -> float:  # noqa: ARG002 - a steady link has no spread
        return self.mean

    def above(self, limit: float) -> float:
        return float(self.mean > limit)


@dataclass(frozen=True)
class Steady:
    """Always the same number of bits in a second."""

    uplink: float
    round_trip: float

    @property
    def outages(self) -> None:
        return None

    @property
    def words(self) -> str:
        return f"{format_rate(self.uplink)} and a round trip of {format_time(self.round_trip)}"

    def times(self, size: int) -> Always:
        return Always(8000 * size / self.uplink)


@dataclass(frozen=True)
class Recorded:
    """A recorded uplink; the round trip is what a call takes beside it."""

    trace: Trace
    round_trip: float
    name: str = "the trace"

    @property
    def uplink(self) -> float:
        return self.trace.rate

    @property
    def outages(self) -> Outages:
        return self.trace.outages

    @property
    def words(self) -> str:
        rate = format_rate(self.uplink)
        return f"{self.name} (mean {rate}) and a round trip of {format_time(self.round_trip)}"

    def times(self, size: int) -> Times:
        return self.trace.times(size)
