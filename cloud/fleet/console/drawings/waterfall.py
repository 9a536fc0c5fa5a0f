"""Where an answer's time goes: stages one after another."""

from collections.abc import Sequence
from typing import NamedTuple

from protos.pages.markup import Markup, element, join
from protos.pages.svg import drawing, line, text
from protos.terminal.units import format_time

_WIDTH, _LEFT, _RIGHT, _ROW = 560.0, 116.0, 470.0, 30.0
_CLOUD = {"network", "decode", "queue", "tail", "lost"}


class Stage(NamedTuple):
    """In milliseconds."""

    name: str
    median: float
    p95: float


def waterfall(stages: Sequence[Stage]) -> Markup:
    """Each begins where the median of the one before ends; a whisker reaches to its own P95."""
    ends, at = [], 0.0
    for stage in stages:
        ends.append((at, at + stage.median))
        at += stage.median
    most = max((start + stage.p95 for (start, _), stage in zip(ends, stages, strict=True)), default=1.0)
    scale = (_RIGHT - _LEFT) / max(most, at, 1e-9)
    rows = [
        _row(stage, _LEFT + start * scale, _LEFT + end * scale, scale, 24 + index * _ROW)
        for index, ((start, end), stage) in enumerate(zip(ends, stages, strict=True))
    ]
    told = ", ".join(f"{one.name} {format_time(one.median)}" for one in stages)
    return drawing(
        "Stages, one after another", told + ".", (_WIDTH, 20 + _ROW * len(stages)), rows, wide=False
    )


def _row(stage: Stage, start: float, end: float, scale: float, y: float) -> Markup:
    reach = start + stage.p95 * scale
    style = "upload" if stage.name in _CLOUD else "split"
    bar = element("rect", x=start, y=y - 15, width=max(end - start, 1.5), height=16, rx=2, class_="bar")
    whisker = line(end, y - 7, max(reach, end), y - 7, class_="whisker")
    label = text(stage.name.replace("_", " "), _LEFT - 12, y - 2, text_anchor="end")
    words = text(format_time(stage.median), max(reach, end) + 8, y - 2, class_="axis")
    return join([label, element("g", bar, whisker, class_=style), words])
