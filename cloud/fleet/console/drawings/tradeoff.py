"""Time against bytes against accuracy: every way that a class of devices could answer by."""

from collections.abc import Sequence
from typing import NamedTuple

from cloud.fleet.console.layout import percent
from protos.pages.axes import LogAxis
from protos.pages.frame import ChartFrame
from protos.pages.labels import Box, free
from protos.pages.markup import Markup, element, join
from protos.pages.svg import drawing, group, line, mark, text
from protos.terminal.units import format_size, format_time

_WIDTH, _HEIGHT = 900.0, 430.0
_LANE, _LEFT, _RIGHT, _TOP, _BOTTOM = 92.0, 146.0, 880.0, 34.0, 366.0
_SHAPES = {"local": "disc", "split": "square", "upload": "triangle", "cached": "kite"}
_LETTER, _MAX_NAMED = 7.0, 9
_STEPS = (0.5, 1.0, 2.0, 4.0)  # points of accuracy below the best
LOSSES = ("at most half a point below the best", "1 point", "2", "4", "more than 4")
_LEAST_MS, _LEAST_BYTES = 0.1, 1.0


class TradePoint(NamedTuple):
    """A way, in milliseconds, bytes an answer and points of accuracy below the best one. `front`: none is as
    good in all three; `chosen`: by the weights; `today`: what most answers come by.
    """

    name: str
    route: str
    milliseconds: float
    bytes: float
    loss: float
    front: bool
    chosen: bool
    today: bool


def tradeoff(title: str, points: Sequence[TradePoint]) -> Markup:
    """Left and low is better; the paler a mark, the less accurate. What sends nothing has a lane of its own
    at the left.
    """
    sent = [max(one.bytes, _LEAST_BYTES) for one in points if one.bytes] or [1e3]
    frame = ChartFrame(
        LogAxis.around(sent, _LEFT, _RIGHT),
        LogAxis.around([max(one.milliseconds, _LEAST_MS) for one in points], _BOTTOM, _TOP),
        _LETTER,
    )
    places = [_place(one, frame) for one in points]
    marks = [_mark(pair) for pair in sorted(zip(points, places, strict=True), key=_chosen_last)]
    axes = [
        ChartFrame(LogAxis(1.0, 2.0, _LANE - 18, _RIGHT), frame.y, _LETTER).rows(
            frame.y.ticks(6), format_time, "time of an answer"
        ),
        frame.columns(frame.x.ticks(7), format_size, "bytes an answer"),
        line(_LANE, _TOP, _LANE, _BOTTOM, class_="grid"),
        text("none", _LANE, _BOTTOM + 20, class_="axis", text_anchor="middle"),
    ]
    told = " ".join(_told(one) for one in points if one.front or one.chosen or one.today)
    return drawing(title, told, (_WIDTH, _HEIGHT), [*axes, *_names(points, places), *marks])


def loss_key() -> Markup:
    """What each shade is."""
    items = [
        element("li", element("span", "", class_=f"swatch l{place}"), words)
        for place, words in enumerate(LOSSES)
    ]
    return element("ul", *items, class_="key")


def _chosen_last(pair: tuple[TradePoint, tuple[float, float]]) -> tuple[bool, bool]:
    return pair[0].chosen, pair[0].front


def _place(one: TradePoint, frame: ChartFrame) -> tuple[float, float]:
    x = frame.x.at(one.bytes) if one.bytes >= _LEAST_BYTES else _LANE
    return x, frame.y.at(max(one.milliseconds, _LEAST_MS))


def _mark(pair: tuple[TradePoint, tuple[float, float]]) -> Markup:
    one, (x, y) = pair
    shape = _SHAPES.get(one.route, "diamond")
    rings = [element("circle", cx=x, cy=y, r=14.0, class_="ring chosen")] if one.chosen else []
    rings += [element("circle", cx=x, cy=y, r=10.0, class_="ring today")] if one.today else []
    size = 6.5 if one.front or one.chosen else 4.5
    return group(*rings, mark(shape, x, y, r=size, class_="mark edged"), told=_told(one), class_=_shade(one))


def _shade(one: TradePoint) -> str:
    return f"l{sum(one.loss > step for step in _STEPS)}"


def _told(one: TradePoint) -> str:
    roles = [words for words, so in (("chosen", one.chosen), ("today", one.today)) if so]
    role = f" ({', '.join(roles)})" if roles else ""
    return (
        f"{one.name}{role}: {format_time(one.milliseconds)}, {format_size(one.bytes)}, "
        f"{one.loss:.1f} points below the best."
    )


def _names(points: Sequence[TradePoint], places: Sequence[tuple[float, float]]) -> list[Markup]:
    """Of those that matter, beside their marks."""
    ranked = sorted(
        zip(points, places, strict=True), key=lambda pair: (not pair[0].chosen, not pair[0].today)
    )
    taken = [Box.around(x, y, 18, 18) for x, y in places]
    inside, parts = Box(_LANE - 10, _TOP - 12, _RIGHT + 10, _BOTTOM), []
    for one, (x, y) in [pair for pair in ranked if _matters(pair[0])][:_MAX_NAMED]:
        box = free(x, y, _LETTER * len(one.name), taken, inside)
        taken.append(box)
        side = "end" if box.left < x else "start"
        edge = box.right if side == "end" else box.left
        style = "here name" if one.chosen else "name"
        parts.append(line(x, y, edge, box.middle, class_="leader faintly"))
        parts.append(text(one.name, edge, box.middle + 4.5, text_anchor=side, class_=style))
    return parts


def _matters(one: TradePoint) -> bool:
    return one.front or one.chosen or one.today


def share_bar(title: str, shares: Sequence[tuple[str, str, float]]) -> Markup:
    """Which part of answers comes by which way: a name, a style and a part each."""
    x, parts = 0.0, []
    for name, style, share in shares:
        width = 1000 * share
        bar = element("rect", x=x, y=0, width=width, height=20, class_=f"bar {style}")
        parts.append(group(bar, told=f"{name}: {percent(share)}"))
        x += width
    told = ", ".join(f"{percent(share)} {name}" for name, _, share in shares)
    return element(
        "svg",
        element("title", title),
        element("desc", f"{told}."),
        join(parts),
        viewBox="0 0 1000 20",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"{title}: {told}",
        class_="cells thin",
    )
