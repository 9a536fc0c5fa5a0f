"""A chart for each link: of every strategy the right answers, the time and the bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.demo.record import LinkRun, Summary
from protos.pages.markup import Markup, element, join
from protos.pages.svg import drawing, line, text
from protos.terminal.units import format_size, format_time

_WIDTH, _HEAD, _ROW, _BAR = 480.0, 30.0, 30.0, 14.0
_RIGHT = 158.0  # where the column of right answers ends
_LETTER = 8.4


@dataclass(frozen=True)
class _Column:
    """Bars from a place on, the longest so wide, with their value beside them."""

    start: float
    longest: float
    most: float

    def width(self, value: float) -> float:
        return max(self.longest * value / self.most, 1.5)


def chart(run: LinkRun) -> Markup:
    """The drawing, which fits the narrowest screen."""
    summaries = run.summaries
    times = _Column(172, 88, _most([s.p95_ms for s in summaries]))
    sizes = _Column(340, 68, _most([s.bytes_up for s in summaries]))
    heads = (
        text("right", _RIGHT, 14, class_="axis", text_anchor="end"),
        text("median time, | 95%", times.start, 14, class_="axis"),
        text("bytes sent", sizes.start, 14, class_="axis"),
    )
    rows = (_row(s, _HEAD + _ROW * rank, times, sizes) for rank, s in enumerate(summaries))
    told = "; ".join(map(_told, summaries))
    size = (_WIDTH, _HEAD + _ROW * len(summaries) + 4)
    return drawing(f"Every strategy: {run.name}", f"{told}.", size, [*heads, *rows], wide=False)


def family(strategy: str) -> str:
    """The style class of what a strategy does."""
    return strategy if strategy in ("local", "upload", "split") else "auto" if "auto" in strategy else "split"


def _row(summary: Summary, y: float, times: _Column, sizes: _Column) -> Markup:
    base, kind = y + 17, family(summary.strategy)
    weight = "here" if kind == "auto" else None
    parts = [
        text(summary.strategy, 0, base, class_=weight),
        text(f"{summary.right}/{summary.asked}", _RIGHT, base, text_anchor="end"),
    ]
    if summary.median_ms is None or summary.bytes_up is None or summary.p95_ms is None:
        return join([*parts, text("no answer", times.start, base)])
    end = times.start + max(times.width(summary.median_ms), times.width(summary.p95_ms))
    tick = times.start + times.width(summary.p95_ms)
    parts += [
        _bar(times, summary.median_ms, y, kind),
        line(tick, y + 3, tick, y + 3 + _BAR + 4, class_="tick"),
        text(format_time(summary.median_ms), end + 7, base),
        _bar(sizes, summary.bytes_up, y, kind),
        text(format_size(summary.bytes_up), sizes.start + sizes.width(summary.bytes_up) + 7, base),
    ]
    return join(parts)


def _bar(column: _Column, value: float, y: float, kind: str) -> Markup:
    place = {"x": column.start, "y": y + 5, "width": column.width(value), "height": _BAR, "rx": 2}
    return element("rect", class_=f"bar {kind}", **place)


def _most(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0) or 1.0


def _told(summary: Summary) -> str:
    right = f"{summary.strategy}: {summary.right} of {summary.asked} right"
    if summary.median_ms is None or summary.bytes_up is None:
        return f"{right}, no answer"
    return f"{right}, {format_time(summary.median_ms)}, {format_size(summary.bytes_up)}"
