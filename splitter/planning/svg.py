"""The little SVG that the charts need: escaped elements, axes, labels that keep apart."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_STEPS = (1, 2, 5)


def element(name: str, inside: str = "", /, **attributes: object) -> str:
    """An element around markup; attribute values are escaped, `class_` and `stroke_width` become what SVG
    calls them.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{given}>{inside}</{name}>"


def text(words: str, x: float, y: float, /, **attributes: object) -> str:
    """Words at a place, escaped."""
    return element("text", escape(words), x=x, y=y, **attributes)


def title(words: str) -> str:
    """What a pointer that rests on an element shows."""
    return element("title", escape(words))


def line(x1: float, y1: float, x2: float, y2: float, /, **attributes: object) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def path(points: Iterable[tuple[float, float]], /, **attributes: object) -> str:
    """Straight lines through points."""
    return element("path", d="M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points), **attributes)


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

    def ticks(self, most: int = 9) -> list[float]:
        """Multiples of the smallest round step that gives at most so many."""
        length = self.high - self.low
        step = min(step for step in _round_numbers(length / (10 * most), length) if length / step < most)
        return [
            index * step
            for index in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        ]


@dataclass(frozen=True)
class Box:
    """A part of the drawing; `top` is the smaller number."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> "Box":
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def covers(self, other: "Box") -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: "Box") -> bool:
        """Whether the other lies wholly inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


def free(x: float, y: float, width: float, taken: Sequence[Box], inside: Box) -> Box:
    """Where a label of this width may stand beside a point: the nearest place that is free, or straight
    beside it if none is.
    """
    shifts = sorted(range(-160, 161, 8), key=abs)
    places = [
        Box.around(x + side * (width / 2 + away), y + shift, width, 15)
        for away in (16, 48)
        for shift in shifts
        for side in (1, -1)
    ]
    return next(
        (box for box in places if inside.holds(box) and not any(box.covers(other) for other in taken)),
        places[0],
    )


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones, in their order, at least `gap` apart, none below `low`, none above `high`
    if they fit.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    places = [max(wanted[index], low + gap * rank) for rank, index in enumerate(order)]
    for rank in range(1, len(places)):
        places[rank] = max(places[rank], places[rank - 1] + gap)
    for rank in reversed(range(len(places))):
        places[rank] = min(places[rank], high - gap * (len(places) - 1 - rank))
    found = dict(zip(order, places, strict=True))
    return [found[index] for index in range(len(wanted))]


def _round_numbers(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    return [float(f"{step}e{power}") for power in powers for step in _STEPS]


def _plain(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
