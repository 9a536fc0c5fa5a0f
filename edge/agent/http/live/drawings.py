"""Drawings of the live page: routes over time, the link over time. Both fit a telephone's screen."""

from collections.abc import Sequence

from edge.agent.http.live.feed import FeedEntry, LinkBelief
from protos.pages.axes import LinearAxis, LogAxis
from protos.pages.frame import ChartFrame
from protos.pages.markup import Markup, element, join
from protos.pages.svg import area, drawing, group, mark, path
from protos.terminal.units import format_time

_WIDTH, _HEIGHT = 480.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 468.0, 34.0, 196.0
_LETTER = 8.4
_LEAST_SPAN = 60.0  # seconds
_MINUTES = 180.0  # from so many seconds on, minutes are told
_LEAST_MS = 0.1
_OTHER = "diamond"
_SIGNS = {"disc": "●", "square": "■", "triangle": "▲", "kite": "▼", "diamond": "◆"}
_SHAPES = {"local": "disc", "split": "square", "upload": "triangle", "cached": "kite"}


def routes_over_time(entries: Sequence[FeedEntry]) -> Markup:
    """Every answer as a mark: when, how long it took, and by which kind of route."""
    frame = _frame(entries, [entry.milliseconds for entry in entries])
    now = entries[0].at
    marks = [_mark(entry, frame, now) for entry in entries]
    kinds = dict.fromkeys(entry.kind for entry in reversed(entries))
    counts = ", ".join(f"{kind} {sum(entry.kind == kind for entry in entries)}" for kind in kinds)
    told = f"Time of the last {len(entries)} answers: {counts}."
    chart = drawing("Answers over time", told, (_WIDTH, _HEIGHT), [_axes(frame), *marks], wide=False)
    return join([element("p", *map(_key, kinds), class_="key"), chart])


def link_over_time(entries: Sequence[FeedEntry], cloud: str = "") -> Markup:
    """What an exchange of 10 kB with a cloud was believed to take at each answer: the median, and the middle
    80%.
    """
    believed = [(entry.at, entry.links[cloud]) for entry in entries if cloud in entry.links]
    limits = [limit for _, link in believed for limit in (link.low_ms, link.high_ms)]
    frame, now = _frame(entries, limits), entries[0].at
    low, middle, high = (
        [(_ago(frame, at, now), frame.y.at(max(_value(link, part), _LEAST_MS))) for at, link in believed]
        for part in ("low_ms", "median_ms", "high_ms")
    )
    band, curve = area([*low, *reversed(high)], class_="band"), path(middle, class_="curve")
    last = believed[0][1]
    told = f"Last: {format_time(last.median_ms)}, four of five {_between(last)}."
    inside = element("g", band, curve, class_="split")
    title = f"The link to {cloud} over time" if cloud else "The link over time"
    return drawing(title, told, (_WIDTH, _HEIGHT), [_axes(frame), inside], wide=False)


def _between(link: LinkBelief) -> str:
    return f"{format_time(link.low_ms)} to {format_time(link.high_ms)}"


def _value(link: LinkBelief, part: str) -> float:
    return float(getattr(link, part))


def _frame(entries: Sequence[FeedEntry], milliseconds: Sequence[float]) -> ChartFrame:
    span = max(entries[0].at - min(entry.at for entry in entries), _LEAST_SPAN)
    values = [max(value, _LEAST_MS) for value in milliseconds]
    x = LinearAxis(-span, 0.0, _LEFT, _RIGHT)
    return ChartFrame(x, LogAxis.around(values, _BOTTOM, _TOP), _LETTER)


def _axes(frame: ChartFrame) -> Markup:
    worth, unit = (60.0, "minutes") if -frame.x.low >= _MINUTES else (1.0, "seconds")
    told = LinearAxis(frame.x.low / worth, 0.0, _LEFT, _RIGHT)
    ago = ChartFrame(told, frame.y, _LETTER).columns(
        told.ticks(6), lambda tick: f"{abs(tick):g}", f"{unit} ago"
    )
    return join([ago, frame.rows(frame.y.ticks(6), format_time, "time, logarithmic")])


def _ago(frame: ChartFrame, at: float, now: float) -> float:
    return frame.x.at(at - now)


def _mark(entry: FeedEntry, frame: ChartFrame, now: float) -> Markup:
    x, y = _ago(frame, entry.at, now), frame.y.at(max(entry.milliseconds, _LEAST_MS))
    hollow = " hollow" if entry.reused else ""
    drawn = mark(_SHAPES.get(entry.kind, _OTHER), x, y, r=4.5, class_=f"mark{hollow}")
    told = f"{entry.answer.route}, {format_time(entry.milliseconds)}: {entry.text}"
    return group(drawn, told=told, class_=_style(entry.kind))


def _key(kind: str) -> Markup:
    sign = _SIGNS[_SHAPES.get(kind, _OTHER)]
    return element("span", element("span", sign, aria_hidden="true", class_=f"pill {_style(kind)}"), kind)


def _style(kind: str) -> str:
    return kind if kind in _SHAPES and kind != "cached" else "other"
