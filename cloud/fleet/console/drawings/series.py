"""Small charts of what was, up to now."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from cloud.fleet.console.layout import ago
from protos.pages.axes import LinearAxis
from protos.pages.frame import ChartFrame
from protos.pages.markup import Markup, element, join
from protos.pages.svg import Point, area, drawing, line, path, text

_WIDTH, _HEIGHT = 440.0, 168.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 430.0, 10.0, 132.0
_LETTER = 8.4
LEAST_SHARE = 0.02  # that an axis of parts reaches up to: nothing looks large on it that is not


class Curve(NamedTuple):
    """Values at times; None where nothing is known. `style`: a class of the style sheet."""

    name: str
    style: str
    points: Sequence[tuple[float, float | None]]


class Chart(NamedTuple):
    """What is drawn from `start` to `end`, and the sentence that says it. `events`: times that are marked."""

    title: str
    told: str
    curves: Sequence[Curve]
    start: float
    end: float
    written: Callable[[float], str]
    events: Sequence[float] = ()
    least: float = 0.0  # that the axis reaches up to

    def markup(self) -> Markup:
        """The drawing; it fits the narrowest screen."""
        most = max((value for curve in self.curves for _, value in curve.points if value), default=0.0)
        most = max(most, self.least) or 1.0
        frame = ChartFrame(
            LinearAxis(self.start - self.end, 0.0, _LEFT, _RIGHT),
            LinearAxis(0.0, most * 1.08, _BOTTOM, _TOP),
            _LETTER,
        )
        marks = [
            line(frame.x.at(at - self.end), _TOP, frame.x.at(at - self.end), _BOTTOM, class_="limit")
            for at in self.events
            if at >= self.start
        ]
        drawn = [_curve(curve, frame, self.end, filled=len(self.curves) == 1) for curve in self.curves]
        parts = [_axes(frame, self.written), *marks, *drawn]
        return drawing(self.title, self.told, (_WIDTH, _HEIGHT), parts, wide=False)


def figure_of(name: str, value: str, note: str, chart: Markup) -> Markup:
    """A number as it is now, large, above what it was."""
    number = element("span", element("strong", value), " ", note, class_="soft figure")
    return element("figure", element("figcaption", name, number), chart, class_="now")


def curve_key(curves: Sequence[Curve]) -> Markup:
    """Which curve is which, where there are several."""
    return element(
        "ul",
        *(element("li", element("span", "", class_=f"swatch {one.style}"), one.name) for one in curves),
        class_="key",
    )


def _axes(frame: ChartFrame, written: Callable[[float], str]) -> Markup:
    span = -frame.x.low
    rows = []
    for tick in frame.y.ticks(4):
        y = frame.y.at(tick)
        rows.append(line(_LEFT, y, _RIGHT, y, class_="grid"))
        rows.append(text(written(tick), _LEFT - 8, y + 5, class_="axis", text_anchor="end"))
    foot = _BOTTOM + 24
    ends = [
        text(f"{ago(span)} ago", _LEFT, foot, class_="axis"),
        text("now", _RIGHT, foot, class_="axis", text_anchor="end"),
    ]
    return join([*rows, *ends])


def _curve(curve: Curve, frame: ChartFrame, end: float, *, filled: bool) -> Markup:
    parts = []
    for run in _runs(curve.points, frame, end):
        if filled:
            parts.append(area([(run[0][0], _BOTTOM), *run, (run[-1][0], _BOTTOM)], class_="band"))
        parts.append(path(run, class_="curve"))
    return element("g", *parts, class_=curve.style)


def _runs(
    points: Sequence[tuple[float, float | None]], frame: ChartFrame, end: float
) -> Iterator[list[Point]]:
    """Stretches without a gap."""
    for known, run in groupby(points, key=lambda point: point[1] is not None):
        if known:
            found = [(frame.x.at(at - end), frame.y.at(value or 0.0)) for at, value in run]
            (x, y), alone = found[0], len(found) == 1
            yield [(x - 1.5, y), (x + 1.5, y)] if alone else found
