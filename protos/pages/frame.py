"""The frame of a chart: two axes, their ticks, and where names may stand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from protos.pages.axes import LinearAxis, LogAxis
from protos.pages.labels import Box
from protos.pages.markup import Markup, join
from protos.pages.svg import line, text

_GAP = 8.0  # between two labels of one axis, at least


@dataclass(frozen=True)
class ChartFrame:
    """Where a chart's axes lie. `letter` is the width of a letter, about."""

    x: LogAxis | LinearAxis
    y: LogAxis | LinearAxis
    letter: float = 7.2

    @property
    def box(self) -> Box:
        return Box(self.x.start, self.y.end, self.x.end, self.y.start)

    def columns(
        self, ticks: Iterable[float], written: Callable[[float], str], words: str, lane: float = 0.0
    ) -> Markup:
        """A line and a label for each tick of x, those labels left out that would touch, and the axis's name.
        `lane` is room below the frame that belongs to it.
        """
        box, end, parts = self.box, -1e9, []
        foot = box.bottom + lane
        for tick in ticks:
            x, label = self.x.at(tick), written(tick)
            parts.append(line(x, box.top, x, foot, class_="grid"))
            half = self.letter * len(label) / 2
            if x - half >= end + _GAP:
                end = x + half
                parts.append(text(label, x, foot + 20, class_="axis", text_anchor="middle"))
        middle = (box.left + box.right) / 2
        return join([*parts, text(words, middle, foot + 44, class_="axis", text_anchor="middle")])

    def rows(
        self, ticks: Iterable[float], written: Callable[[float], str], words: str, *, right: bool = False
    ) -> Markup:
        """A line and a label for each tick of y, and the axis's name above; on the right where names stand on
        the left.
        """
        box = self.box
        side, anchor = (box.right + 8, "start") if right else (box.left - 8, "end")
        name = (side, anchor) if right else (0.0, "start")
        parts = [text(words, name[0], box.top - 14, class_="axis", text_anchor=name[1])]
        for tick in ticks:
            y = self.y.at(tick)
            parts.append(line(box.left, y, box.right, y, class_="grid"))
            parts.append(text(written(tick), side, y + 4.5, class_="axis", text_anchor=anchor))
        return join(parts)
