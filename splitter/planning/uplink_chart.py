"""Total time against uplink: a line for each choice that is worth one, and which is the fastest where."""

from collections.abc import Sequence

from protos.terminal.units import format_rate, format_time
from splitter.planning.envelope import MAX_UPLINK, MIN_UPLINK, Stretch
from splitter.planning.frame import LETTER, MIN_MS, WIDTH, Frame, colour, drawing, drawn, weight
from splitter.planning.plan import Option, Plan
from splitter.planning.svg import LogAxis, element, line, path, spread, text, title

_SAMPLES = 121
_DASHES = {"split": "none", "upload": "7 4", "local": "2 4"}
_STRIP = 22.0


def uplink_chart(plan: Plan) -> str:
    """Total time against uplink, a line for each choice, and strips that say which is the fastest where."""
    shown, trip = drawn(plan), plan.link.round_trip
    rows = [row for row in (("fastest", plan.stretches), ("through the cloud", plan.remote)) if row[1]]
    rows = rows[:1] if plan.stretches == plan.remote else rows
    top = 24 + len(rows) * (_STRIP + 4)
    times = [
        max(option.choice.total(uplink, trip), MIN_MS)
        for option in shown
        for uplink in (MIN_UPLINK, MAX_UPLINK)
    ]
    frame = Frame(LogAxis(MIN_UPLINK, MAX_UPLINK, 200, WIDTH - 62), LogAxis.around(times, top + 340, top))
    bands = [_band(plan, stretch, frame) for stretch in plan.stretches]
    strips = [
        _strip(plan, name, stretches, 16 + rank * (_STRIP + 4), frame)
        for rank, (name, stretches) in enumerate(rows)
    ]
    parts = [
        *bands,
        *strips,
        _grid_times(frame),
        _grid_rates(frame),
        _here(plan, frame),
        _deadline(plan, frame),
        _lines(plan, shown, frame),
    ]
    words = "; ".join(
        f"{format_rate(s.low)} to {format_rate(s.high)}: {s.choice.name}" for s in plan.stretches
    )
    return drawing(f"Total time against uplink. Fastest: {words}", top + 392, parts)


def _band(plan: Plan, stretch: Stretch, frame: Frame) -> str:
    """The part of the plot in which a choice is the fastest."""
    left, right = frame.x.at(stretch.low), frame.x.at(stretch.high)
    kind = f"band {colour(plan, stretch.choice)}"
    return element(
        "rect", x=left, y=frame.top, width=right - left, height=frame.bottom - frame.top, class_=kind
    )


def _strip(plan: Plan, name: str, stretches: Sequence[Stretch], y: float, frame: Frame) -> str:
    parts = [text(name, frame.left - 10, y + 15, class_="strip-name", text_anchor="end")]
    for stretch in stretches:
        left, right = frame.x.at(stretch.low), frame.x.at(stretch.high)
        box = element(
            "rect",
            x=left,
            y=y,
            width=right - left,
            height=_STRIP,
            class_=f"strip {colour(plan, stretch.choice)}",
        )
        words = f"{stretch.choice.name}: {format_rate(stretch.low)} to {format_rate(stretch.high)}"
        fits = right - left > LETTER * len(stretch.choice.name)
        label = text(stretch.choice.name, (left + right) / 2, y + 15, text_anchor="middle") if fits else ""
        parts.append(element("g", title(words) + box + label))
    return "".join(parts)


def _grid_times(frame: Frame) -> str:
    parts = [text("total", frame.right + 8, frame.top - 16, class_="axis")]
    for tick in frame.y.ticks():
        y = frame.y.at(tick)
        parts += [
            line(frame.left, y, frame.right, y, class_="grid"),
            text(format_time(tick), frame.right + 8, y + 4, class_="axis"),
        ]
    return "".join(parts)


def _grid_rates(frame: Frame) -> str:
    parts = [
        text("uplink", (frame.left + frame.right) / 2, frame.bottom + 42, class_="axis", text_anchor="middle")
    ]
    for tick in (MIN_UPLINK, *frame.x.ticks()):
        x = frame.x.at(tick)
        anchor = "start" if tick == MIN_UPLINK else "end" if tick == MAX_UPLINK else "middle"
        crowded = tick != MIN_UPLINK and x - frame.left < 70
        words = (
            ""
            if crowded
            else text(format_rate(tick), x, frame.bottom + 20, class_="axis", text_anchor=anchor)
        )
        parts += [line(x, frame.top, x, frame.bottom, class_="grid"), words]
    return "".join(parts)


def _here(plan: Plan, frame: Frame) -> str:
    """Where the plan's own link lies, if it lies on the axis."""
    uplink = plan.link.uplink
    if not MIN_UPLINK <= uplink <= MAX_UPLINK:
        return ""
    x = frame.x.at(uplink)
    words = text(f"this link: {format_rate(uplink)}", x + 6, frame.top + 16, class_="here")
    return line(x, frame.top, x, frame.bottom, class_="here-line") + words


def _deadline(plan: Plan, frame: Frame) -> str:
    limit = plan.demands.deadline
    if limit is None or not frame.y.low < limit < frame.y.high:
        return ""
    y = frame.y.at(limit)
    words = text(f"deadline: {format_time(limit)}", frame.right - 6, y - 5, class_="here", text_anchor="end")
    return line(frame.left, y, frame.right, y, class_="here-line") + words


def _lines(plan: Plan, shown: Sequence[Option], frame: Frame) -> str:
    """The lines, each with its name at its left end."""
    uplinks = [frame.x.value(sample / (_SAMPLES - 1)) for sample in range(_SAMPLES)]
    curves = [
        [(frame.x.at(u), frame.y.at(max(o.choice.total(u, plan.link.round_trip), MIN_MS))) for u in uplinks]
        for o in shown
    ]
    places = spread([curve[0][1] for curve in curves], 17, frame.top, frame.bottom)
    parts = []
    for option, curve, place in zip(shown, curves, places, strict=True):
        kind, dash = colour(plan, option.choice), _DASHES.get(option.choice.kind, "1 6")
        leader = path(
            [(frame.left - 26, place), (frame.left - 12, place), curve[0]],
            class_=f"leader {kind}",
            stroke_dasharray=dash,
        )
        name = text(option.name, frame.left - 30, place + 4, text_anchor="end")
        drawing = (
            title(option.name) + leader + path(curve, class_=f"curve {kind}", stroke_dasharray=dash) + name
        )
        parts.append(element("g", drawing, class_=weight(plan, option)))
    return "".join(parts)
