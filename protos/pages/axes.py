"""Axes of drawings: where a value lies, and which values have a tick."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class LogAxis:
    """Values from `low` to `high` on user units from `start` to `end`, which may be the smaller."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> "LogAxis":
        """An axis whose ends are round numbers (1, 2 or 5 times a power of ten) beside the values, which are
        above 0.
        """
        low = max(tick for tick in _round_numbers(min(values) / 10, min(values)) if tick <= min(values))
        high = min(
            tick
            for tick in _round_numbers(max(values), max(values) * 10)
            if tick > low and tick >= max(values)
        )
        return cls(low, high, start, end)

    def at(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (self.end - self.start) * math.log(value / self.low) / math.log(
            self.high / self.low
        )

    def value(self, part: float) -> float:
        """The value at a part of the axis, 0 to 1."""
        return self.low * math.exp(part * math.log(self.high / self.low))

    def ticks(self, most: int = 9) -> list[float]:
        """Round numbers from low to high; powers of ten alone where there would be too many."""
        inside = [
            tick
            for tick in _round_numbers(self.low, self.high)
            if self.low * 0.999 <= tick <= self.high * 1.001
        ]
        tens = [
            tick for tick in inside if math.isclose(math.log10(tick), round(math.log10(tick)), abs_tol=1e-9)
        ]
        return inside if len(inside) <= most else tens


@dataclass(frozen=True)
class LinearAxis:
    """Values from `low` to `high` on user units from `start` to `end`, which may be the smaller."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies."""
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)

    def value(self, part: float) -> float:
        """The value at a part of the axis, 0 to 1."""
        return self.low + part * (self.high - self.low)

    def ticks(self, most: int = 9) -> list[float]:
        """Multiples of the smallest round step that gives at most so many."""
        length = self.high - self.low
        step = min(step for step in _round_numbers(length / (10 * most), length) if length / step < most)
        return [
            index * step
            for index in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        ]


def _round_numbers(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    return [float(f"{step}e{power}") for power in powers for step in _STEPS]
