"""Total time against uplink: a line for each choice that is worth one, and which is the fastest where."""

from collections.abc import Sequence

from protos.pages.axes import LogAxis
from protos.pages.frame import ChartFrame
from protos.pages.labels import spread
from protos.pages.markup import Markup, element, join
from protos.pages.svg import drawing, group, line, path, text
from protos.terminal.units import format_rate, format_time
from splitter.planning.colours import DASHES, MIN_MS, WIDTH, colour, drawn, weight
from splitter.planning.envelope import MAX_UPLINK, MIN_UPLINK, Stretch
from splitter.planning.plan import Option, Plan

_SAMPLES = 121
_STRIP = 24.0


def uplink_chart(plan: Plan) -> Markup:
    """Total time against uplink, a line for each choice, and strips that say which is the fastest where."""
    shown = drawn(plan)
    rows = [row for row in (("fastest", plan.stretches), ("through the cloud", plan.remote)) if row[1]]
    rows = rows[:1] if plan.stretches == plan.remote else rows
    top = 32 + len(rows) * (_STRIP + 5)
    times = [_time(plan, option, uplink) for option in shown for uplink in (MIN_UPLINK, MAX_UPLINK)]
    frame = ChartFrame(
        LogAxis(MIN_UPLINK, MAX_UPLINK, 206, WIDTH - 62), LogAxis.around(times, top + 340, top)
    )
    strips = [
        _strip(name, stretches, 4 + rank * (_STRIP + 5), frame) for rank, (name, stretches) in enumerate(rows)
    ]
    parts = [
        *(_region(stretch, frame) for stretch in plan.stretches),
        *strips,
        frame.rows(frame.y.ticks(), format_time, "total", right=True),
        frame.columns((MIN_UPLINK, *frame.x.ticks()), format_rate, "uplink"),
        _here(plan, frame),
        _deadline(plan, frame),
        _lines(plan, shown, frame),
    ]
    words = (f"{format_rate(s.low)} to {format_rate(s.high)}: {s.choice.name}" for s in plan.stretches)
    told = f"The fastest of the accurate choices: {'; '.join(words)}."
    return drawing("Time against uplink", told, (WIDTH, top + 394), parts)


def _time(plan: Plan, option: Option, uplink: float) -> float:
    return max(option.choice.total(uplink, plan.link.round_trip), MIN_MS)


def _region(stretch: Stretch, frame: ChartFrame) -> Markup:
    """The part of the plot in which a choice is the fastest."""
    left, right = frame.x.at(stretch.low), frame.x.at(stretch.high)
    box = frame.box
    size = {"width": right - left, "height": box.bottom - box.top}
    return element("rect", x=left, y=box.top, class_=f"region {colour(stretch.choice)}", **size)


def _strip(name: str, stretches: Sequence[Stretch], y: float, frame: ChartFrame) -> Markup:
    parts = [text(name, frame.box.left - 10, y + 16.5, class_="axis", text_anchor="end")]
    for stretch in stretches:
        left, right = frame.x.at(stretch.low) + 1, frame.x.at(stretch.high) - 1
        kind = f"strip {colour(stretch.choice)}"
        box = element("rect", x=left, y=y, width=max(right - left, 1.0), height=_STRIP, rx=3, class_=kind)
        words = f"{stretch.choice.name}: {format_rate(stretch.low)} to {format_rate(stretch.high)}"
        fits = right - left > frame.letter * len(stretch.choice.name)
        label = text(stretch.choice.name, (left + right) / 2, y + 16.5, text_anchor="middle")
        parts.append(group(box, *([label] if fits else []), told=words))
    return join(parts)


def _here(plan: Plan, frame: ChartFrame) -> Markup:
    """Where the plan's own link lies, if it lies on the axis."""
    uplink, box = plan.link.uplink, frame.box
    if not MIN_UPLINK <= uplink <= MAX_UPLINK:
        return join(())
    x = frame.x.at(uplink)
    words = text(f"this link: {format_rate(uplink)}", x + 6, box.top + 16, class_="name here")
    return join((line(x, box.top, x, box.bottom, class_="limit"), words))


def _deadline(plan: Plan, frame: ChartFrame) -> Markup:
    limit, box = plan.demands.deadline, frame.box
    if limit is None or not frame.y.low < limit < frame.y.high:
        return join(())
    y = frame.y.at(limit)
    told = f"deadline: {format_time(limit)}"
    words = text(told, box.right - 6, y - 6, class_="name here", text_anchor="end")
    return join((line(box.left, y, box.right, y, class_="limit"), words))


def _lines(plan: Plan, shown: Sequence[Option], frame: ChartFrame) -> Markup:
    """The lines, each with its name at its left end."""
    uplinks = [frame.x.value(sample / (_SAMPLES - 1)) for sample in range(_SAMPLES)]
    curves = [
        [(frame.x.at(uplink), frame.y.at(_time(plan, option, uplink))) for uplink in uplinks]
        for option in shown
    ]
    places = spread([curve[0][1] for curve in curves], 18, frame.box.top, frame.box.bottom)
    parts = []
    for option, curve, place in zip(shown, curves, places, strict=True):
        kind, dash = colour(option.choice), DASHES.get(option.choice.kind, "1 6")
        left = frame.box.left
        leader = path([(left - 26, place), (left - 12, place), curve[0]], class_=f"leader {kind}")
        stroke = path(curve, class_=f"curve {kind}", stroke_dasharray=dash)
        name = text(option.name, left - 30, place + 4.5, text_anchor="end")
        parts.append(group(leader, stroke, name, told=option.name, class_=weight(plan, option) or None))
    return join(parts)
