"""A simulation as one page that needs nothing else: how long answers took, and which arm was taken when."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from bench.simulate import tables
from bench.simulate.measure import Sweep
from bench.simulate.policy import DecisionPolicy
from bench.simulate.results import CaseResult, Played, overall
from protos.pages import neighbours
from protos.pages.axes import LinearAxis, LogAxis
from protos.pages.document import Page, lede, section, sentence, soft
from protos.pages.frame import ChartFrame
from protos.pages.labels import spread
from protos.pages.markup import Markup, element, join
from protos.pages.svg import drawing, group, path, text
from protos.pages.tables import Table, TableRow, folded, scrolling
from protos.terminal.units import format_rate, format_time

COMMAND, KIND = "simulate", "Simulation"
_WIDTH = 960.0
_POINTS = 80  # of a curve
_STRETCHES = 120  # of a run, each drawn as its most common arm
_MIN_MS = 0.1  # a logarithmic axis has no 0
_COLOURS = 6  # c0 to c5 of the stylesheet
_DASHES = ("none", "8 4", "2 4")


def check(path: Path) -> None:
    """Raises RequestError now for a place that no such page can be written to later."""
    neighbours.check(path, KIND, COMMAND)


def save(
    path: Path,
    cases: Sequence[CaseResult],
    kinds: Iterable[type[DecisionPolicy]],
    sweep: Sweep,
    model: str,
) -> None:
    """Write the page, linked with those beside it. Raises RequestError where it cannot be written."""
    words = [soft(sentence(f"{kind.name}: {kind.words}")) for kind in kinds]
    notes = [lede(sentence(_finding(cases))), *(soft(note) for note in tables.NOTES)]
    parts = [*_overall(cases), *(_case(case, sweep) for case in cases)]
    neighbours.save(
        path,
        Page(KIND, f"How devices with {model} decide", [*notes, folded("The policies", *words), *parts]),
        COMMAND,
    )


def _finding(cases: Sequence[CaseResult]) -> str:
    found = ", ".join(f"{one.of_oracle:.2f} by {one.policy}" for one in overall(cases))
    return f"score against the oracle's, the less the better: {found}"


def _overall(cases: Sequence[CaseResult]) -> list[Markup]:
    if len(cases) == 1:
        return []
    found = overall(cases)
    missed = any(one.missed is not None for one in found)
    rows = [_row(tables.overall_row(one, missed=missed)) for one in found]
    table = Table("Every policy over all cases", tables.overall_columns(missed=missed), [rows])
    return [
        section(
            "Over all cases", ["The geometric mean against the oracle, and the worst case."], table.markup()
        )
    ]


def _case(case: CaseResult, sweep: Sweep) -> Markup:
    missed = sweep.deadline_ms is not None
    rows = [_row(tables.row(one, missed=missed)) for one in case.summaries]
    table = Table(f"{case.requests} requests", tables.columns(missed=missed), [rows], tables.WORDS)
    words = case.place.words
    charts = (
        scrolling("How long answers took", _latencies(case, sweep.deadline_ms)),
        scrolling("Which arm was taken when", _timeline(case, sweep)),
    )
    return section(words, _NOTES, *charts, table.markup(), full=True)


_NOTES = [
    "Above: the part of the requests that were answered within a time; further left is better.",
    "Below: the link's rate, and under it the arm that each policy took most in each stretch of the run.",
]


def _row(cells: Sequence[str]) -> TableRow:
    kind = "best" if cells[0] == "isthmus" else "faint" if "oracle" in cells[0] else ""
    return TableRow(cells, kind)


def _latencies(case: CaseResult, deadline_ms: float | None) -> Markup:
    """The part of the requests answered within a time, a curve for each policy."""
    lowest = max(min(run.milliseconds[0] for run in case.played), _MIN_MS)
    highest = max(run.milliseconds[-1] for run in case.played)
    frame = ChartFrame(LogAxis.around([lowest, highest], 60, _WIDTH - 170), LinearAxis(0, 1, 360, 30))
    parts = [
        frame.columns(frame.x.ticks(), format_time, "time to the answer"),
        frame.rows(frame.y.ticks(5), lambda part: f"{part:.0%}", "of requests"),
    ]
    if deadline_ms is not None and frame.x.low < deadline_ms < frame.x.high:
        x = frame.x.at(deadline_ms)
        parts.append(path([(x, frame.box.top), (x, frame.box.bottom)], class_="limit"))
    curves = [_curve(run, frame) for run in case.played]
    places = spread([curve[len(curve) // 2][1] for curve in curves], 18, frame.box.top, frame.box.bottom)
    for rank, (run, curve, place) in enumerate(zip(case.played, curves, places, strict=True)):
        colour, dash = _colour(rank), _DASHES[rank // _COLOURS % len(_DASHES)]
        stroke = path(curve, class_=f"curve {colour}", stroke_dasharray=dash)
        key = path(
            [(_WIDTH - 150, place), (_WIDTH - 126, place)], class_=f"curve {colour}", stroke_dasharray=dash
        )
        parts.append(group(stroke, key, text(run.policy, _WIDTH - 120, place + 4.5), told=run.policy))
    told = "; ".join(f"{run.policy}: half within {format_time(run.quantile(0.5))}" for run in case.played)
    return drawing(f"Time to the answer, {case.place.words}", told, (_WIDTH, 410), parts)


def _curve(run: Played, frame: ChartFrame) -> list[tuple[float, float]]:
    parts = [index / _POINTS for index in range(1, _POINTS + 1)]
    return [(frame.x.at(max(run.quantile(part), frame.x.low)), frame.y.at(part)) for part in parts]


def _timeline(case: CaseResult, sweep: Sweep) -> Markup:
    """The link's rate over the run, and under it a strip for each policy that changes its arm."""
    trace = sweep.traces[case.place.trace]
    length = max(served.at for run in case.played for served in run.served) or 1.0
    step = length / _STRETCHES
    edges = [index * step for index in range(_STRETCHES + 1)]
    sent = [trace.sent(edge + case.offset) for edge in edges]
    rates = [8 * (after - before) / step for before, after in pairwise(sent)]
    frame = ChartFrame(LinearAxis(0, length, 130, _WIDTH - 20), LinearAxis(0, max(1.0, *rates), 150, 30))
    strips = [run for run in case.played if len({served.chosen for served in run.served}) > 1]
    foot = 205 + 22 * len(strips)
    points = [
        (frame.x.at(edge + step / 2), frame.y.at(rate)) for edge, rate in zip(edges, rates, strict=False)
    ]
    names = sorted({served.chosen or "none" for run in strips for served in run.served})
    parts = [
        frame.columns(frame.x.ticks(), lambda seconds: format_time(1000 * seconds), "since the start"),
        frame.rows(frame.y.ticks(4), format_rate, "uplink"),
        path(points, class_="curve other"),
        *(_strip(run, names, edges, 205 + 22 * rank, frame) for rank, run in enumerate(strips)),
        _key(names, foot + 14),
    ]
    told = "; ".join(f"{one.policy}: {tables.arms_words(one.arms)}" for one in case.summaries)
    return drawing(
        f"Arms over time, {case.place.words}", told, (_WIDTH, foot + 30 + 20 * (len(names) // 3)), parts
    )


def _strip(run: Played, names: Sequence[str], edges: Sequence[float], y: float, frame: ChartFrame) -> Markup:
    """The most common arm of each stretch; neighbours of one arm are one box."""
    step = edges[1]
    counted: list[Counter[str]] = [Counter() for _ in range(_STRETCHES)]
    for served in run.served:
        counted[min(int(served.at / step), _STRETCHES - 1)][served.chosen or "none"] += 1
    boxes: list[tuple[int, int, str]] = []
    for index, found in enumerate(counted):
        name = found.most_common(1)[0][0] if found else ""
        if boxes and boxes[-1][2] == name:
            boxes[-1] = (boxes[-1][0], index + 1, name)
        else:
            boxes.append((index, index + 1, name))
    parts = [text(run.policy, frame.box.left - 10, y + 13, class_="axis", text_anchor="end")]
    for begin, end, name in boxes:
        left, right = frame.x.at(begin * step), frame.x.at(end * step)
        size = {"width": right - left, "height": 17.0}
        if name:
            box = element("rect", x=left, y=y, class_=f"strip {_colour(names.index(name))}", **size)
            parts.append(group(box, told=name))
    return join(parts)


def _key(names: Sequence[str], y: float) -> Markup:
    """Which colour is which arm."""
    parts = []
    for index, name in enumerate(names):
        left, top = 130.0 + 270 * (index % 3), y + 20 * (index // 3)
        box = element("rect", x=left, y=top - 10, width=14.0, height=12.0, class_=f"strip {_colour(index)}")
        parts.append(group(box, text(name, left + 20, top), told=name))
    return join(parts)


def _colour(index: int) -> str:
    return f"c{index % _COLOURS}"
