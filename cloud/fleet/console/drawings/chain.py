"""A device's chain: where it is cut, and what crosses there."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cloud.fleet.console.layout import percent
from protos.pages.markup import Markup, element, join
from protos.pages.svg import drawing, line, mark, text
from protos.terminal.units import format_size, format_time

_WIDTH, _TOP, _HEIGHT = 1000.0, 46.0, 54.0
_LANE = 30.0  # of one way, below the chain
_MAX_WAYS = 4
_EDGE = 64.0  # room for "picture" and "answer"


class Crossing(NamedTuple):
    """Answers by one way. `boundary`: how many of the pieces run on the device; `bytes`: an answer."""

    words: str
    style: str
    boundary: int
    share: float
    bytes: float


class Chain(NamedTuple):
    """`pieces`: by the cut that each ends at, with milliseconds where they are known; the language model
    follows. Crossings: the one of most answers first.
    """

    pieces: Sequence[str]
    times: Mapping[str, float]
    crossings: Sequence[Crossing]

    def markup(self) -> Markup:
        """The drawing."""
        names = [*self.pieces, "language model"]
        width = (_WIDTH - 2 * _EDGE) / len(names)
        places = [_EDGE + width * index for index in range(len(names) + 1)]
        here = self.crossings[0].boundary if self.crossings else 0
        boxes = [self._box(name, places[index], width, here=index < here) for index, name in enumerate(names)]
        ways = [
            _way(one, places[one.boundary], index) for index, one in enumerate(self.crossings[:_MAX_WAYS])
        ]
        height = _TOP + _HEIGHT + 26 + _LANE * max(len(ways), 1)
        return drawing(
            "The chain", self._told(), (_WIDTH, height), [_ends(), *_sides(places, here), *boxes, *ways]
        )

    def _box(self, name: str, x: float, width: float, *, here: bool) -> Markup:
        middle = x + width / 2
        kind = "device" if here else "cloud"
        took = f"{format_time(self.times[name])} a tile" if name in self.times else ""
        shape = element("rect", x=x + 3, y=_TOP, width=width - 6, height=_HEIGHT, rx=5, class_=f"box {kind}")
        words = text(name, middle, _TOP + (24 if took else 32), class_="here", text_anchor="middle")
        time = text(took, middle, _TOP + 42, class_="axis", text_anchor="middle") if took else ""
        return join([shape, words, time])

    def _told(self) -> str:
        if not self.crossings:
            return "Nothing was answered in the last window."
        return " ".join(
            f"{percent(one.share)} of answers by {one.words}, {format_size(one.bytes)} each."
            for one in self.crossings[:_MAX_WAYS]
        )


def _ends() -> Markup:
    y = _TOP + _HEIGHT / 2 + 5
    return join(
        [
            text("picture", _EDGE - 8, y, class_="axis", text_anchor="end"),
            text("answer", _WIDTH - _EDGE + 8, y, class_="axis"),
        ]
    )


def _sides(places: Sequence[float], here: int) -> list[Markup]:
    """What the device runs, and what the cloud does, by the way of most answers."""
    last, parts = len(places) - 1, []
    if here:
        parts.append(text("on the device", places[0] + 3, _TOP - 14, class_="side-name device"))
    if here < last:
        parts.append(
            text("in the cloud", places[last] - 3, _TOP - 14, class_="side-name cloud", text_anchor="end")
        )
    return parts


def _way(one: Crossing, x: float, index: int) -> Markup:
    y = _TOP + _HEIGHT + 26 + _LANE * index
    words = (
        f"{percent(one.share)} {one.words}: {format_size(one.bytes)} an answer"
        if one.bytes
        else (f"{percent(one.share)} {one.words}: nothing crosses")
    )
    left = x < _WIDTH / 2
    parts = [
        line(x, _TOP - 6, x, y - 4, class_="leader"),
        mark("diamond", x, y, r=5.0, class_="mark"),
        text(
            words,
            x + (14 if left else -14),
            y + 5,
            class_="here" if not index else "name",
            text_anchor="start" if left else "end",
        ),
    ]
    return element("g", *parts, class_=one.style)
