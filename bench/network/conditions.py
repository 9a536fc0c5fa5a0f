"""What a link is like, and when bytes come through it: pure arithmetic, without a clock or a socket."""

import math
from dataclasses import dataclass, field
from typing import Protocol, Self

from protos.errors import RequestError

KILOBIT, MEGABIT = 1e3, 1e6
_MAX_RATE = 1e11
_MAX_ROUND_TRIP = 60.0
_MIN_BUFFER = 1500


class Rate(Protocol):
    """How many bytes may leave, counted from the moment at which this rate began."""

    def sent(self, seconds: float) -> float:
        """Bytes that can have left after so many seconds."""

    def seconds(self, sent: float) -> float:
        """Seconds until so many bytes can have left; infinite where they never do. The inverse of `sent`."""


@dataclass(frozen=True)
class Steady:
    """Always the same number of bits in a second; 0 is a link on which everything waits."""

    bits: float

    def __post_init__(self) -> None:
        if not 0 <= self.bits <= _MAX_RATE:
            raise RequestError(
                f"a rate of {self.bits} bit/s is not possible; give 0 to {_MAX_RATE:g}", bits=self.bits
            )

    def sent(self, seconds: float) -> float:
        return seconds * self.bits / 8

    def seconds(self, sent: float) -> float:
        if sent <= 0:
            return 0.0
        return sent * 8 / self.bits if self.bits else math.inf


@dataclass(frozen=True)
class Conditions:
    """What a link is like: the rate each way, the round trip in seconds, and the bytes that may wait before
    the sender must.
    """

    up: Rate = field(default_factory=lambda: Steady(50 * MEGABIT))
    down: Rate = field(default_factory=lambda: Steady(50 * MEGABIT))
    round_trip: float = 0.01
    buffer: int = 16 << 10

    def __post_init__(self) -> None:
        if not 0 <= self.round_trip <= _MAX_ROUND_TRIP:
            raise RequestError(
                f"a round trip of {self.round_trip} s is not possible; give 0 to {_MAX_ROUND_TRIP:g}"
            )
        if self.buffer < _MIN_BUFFER:
            raise RequestError(
                f"a buffer of {self.buffer} bytes cannot hold a packet; give {_MIN_BUFFER} or more"
            )

    @classmethod
    def steady(cls, bits: float, round_trip: float, buffer: int = 16 << 10) -> Self:
        """The same rate both ways (bits per second) and a round trip (seconds)."""
        return cls(Steady(bits), Steady(bits), round_trip, buffer)


PRESETS = {
    "good": Conditions.steady(50 * MEGABIT, 0.010),
    "slow": Conditions.steady(1 * MEGABIT, 0.100),
    "poor": Conditions.steady(64 * KILOBIT, 0.300, buffer=4 << 10),
}


class Meter:
    """One direction of a link: bytes enter it in order, and leave at the rate.

    Positions count bytes along everything that the direction could ever have carried, so they stay valid when
    the rate changes. Times are seconds of one clock that the caller reads.
    """

    def __init__(self, now: float, rate: Rate) -> None:
        self._rate, self._since, self._before = rate, now, 0.0
        self.entered = 0.0

    def departed(self, now: float) -> float:
        """The position up to which bytes can have left by now."""
        return self._before + self._rate.sent(now - self._since)

    def when(self, position: float) -> float:
        """The time at which the byte at a position has left."""
        return self._since + self._rate.seconds(position - self._before)

    def enter(self, now: float, size: int) -> float:
        """Take `size` bytes behind those that wait; gives the position of their last byte. An idle link saves
        nothing up.
        """
        self.entered = max(self.entered, self.departed(now)) + size
        return self.entered

    def room(self, size: int, buffer: int) -> float:
        """The time from which `size` more bytes fit into a buffer of so many."""
        return self.when(self.entered + size - buffer)

    def change(self, now: float, rate: Rate) -> None:
        """Go on at another rate; what waits goes on waiting in its order."""
        self._before, self._since, self._rate = self.departed(now), now, rate
