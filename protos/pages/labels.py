"""Labels of drawings that keep apart."""

from collections.abc import Sequence
from dataclasses import dataclass


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
