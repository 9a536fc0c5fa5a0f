"""Many devices in one line: which way each answers, and how slow it is beside its like."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from cloud.fleet.console.drawings.ways import Ways
from cloud.fleet.console.layout import counted
from protos.pages.markup import Markup, element, slug

_MAX_CELLS = 160
_WAY_HEIGHT, _GAP, _HEAT_HEIGHT = 20, 3, 9
_LIMITS = (1.25, 1.5, 2.0, 3.0)  # times the median
HEATS = ("up to 1.25", "1.5", "2", "3", "more than 3")


class StripDevice(NamedTuple):
    """`slowness`: its P95 in parts of the median of its class; None: not known."""

    way: str
    slowness: float | None


def strip(title: str, devices: Sequence[StripDevice], ways: Ways) -> Markup:
    """Devices by their way, and among those by how slow they are: the slowest last. Where there are more
    than there is room for, a cell is several: the way of most, and the slowest.
    """
    ranked = sorted(devices, key=lambda one: (ways.place(one.way), one.slowness or 0.0))
    cells = list(_cells(ranked))
    styles = [ways.of(Counter(one.way for one in cell).most_common(1)[0][0]).style for cell in cells]
    heats = [_heat(max((one.slowness or 0.0 for one in cell), default=0.0)) for cell in cells]
    key = slug(f"strip {title}")
    counts = Counter(ways.of(one.way).words for one in devices)
    told = ", ".join(f"{counted(count)} {words}" for words, count in counts.most_common())
    slow = sum((one.slowness or 0) > 1.5 for one in devices)
    return element(
        "svg",
        element("title", f"{title}: ways and slowness", id=f"{key}-title"),
        element("desc", f"{told}. {counted(slow)} slower than 1.5 times the median.", id=f"{key}-words"),
        *_bars(styles, 0, _WAY_HEIGHT),
        *_bars(heats, _WAY_HEIGHT + _GAP, _HEAT_HEIGHT),
        viewBox=f"0 0 {len(cells)} {_WAY_HEIGHT + _GAP + _HEAT_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_labelledby=f"{key}-title {key}-words",
        class_="cells",
    )


def heat_key() -> Markup:
    """What each shade of slowness is."""
    items = [
        element("li", element("span", "", class_=f"swatch h{place}"), words)
        for place, words in enumerate(HEATS)
    ]
    return element("ul", *items, class_="key")


def _cells(ranked: Sequence[StripDevice]) -> Iterator[Sequence[StripDevice]]:
    count = min(len(ranked), _MAX_CELLS)
    for place in range(count):
        yield ranked[place * len(ranked) // count : (place + 1) * len(ranked) // count]


def _heat(slowness: float) -> str:
    return f"h{sum(slowness > limit for limit in _LIMITS)}"


def _bars(styles: Sequence[str], top: int, height: int) -> Iterator[Markup]:
    """Neighbours of one colour as one."""
    x = 0
    for style, run in groupby(styles):
        width = len(list(run))
        yield element("rect", x=x, y=top, width=width, height=height, class_=f"bar {style}")
        x += width
