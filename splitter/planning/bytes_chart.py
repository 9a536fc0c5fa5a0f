"""Total time against bytes sent: a mark for each choice."""

from protos.measurements import accuracy_word
from protos.pages.axes import LogAxis
from protos.pages.frame import ChartFrame
from protos.pages.labels import Box, free
from protos.pages.markup import Markup, join
from protos.pages.svg import drawing, group, line, mark, text
from protos.terminal.units import format_size, format_time
from splitter.planning.colours import MIN_MS, SHAPES, WIDTH, colour, drawn, weight
from splitter.planning.plan import Option, Plan

_LANE = 34.0  # below the axis, for what sends nothing


def bytes_chart(plan: Plan) -> Markup:
    """Total time against bytes sent, a mark for each choice; what sends nothing lies in a lane of its own at
    the bottom.
    """
    sizes = [option.choice.bytes_up for option in plan.options if option.choice.bytes_up] or [1]
    times = [max(option.total, MIN_MS) for option in plan.options]
    frame = ChartFrame(LogAxis.around(times, 72, WIDTH - 40), LogAxis.around(sizes, 320, 34))
    parts = [
        frame.rows(frame.y.ticks(), format_size, "bytes sent"),
        _lane(frame),
        frame.columns(frame.x.ticks(), format_time, "time to the whole answer", _LANE),
        *(_mark(plan, option, frame) for option in sorted(plan.options, key=lambda option: option.front)),
        _names(plan, frame),
    ]
    words = "Time and bytes of every choice"
    return drawing(words, "The table below has the numbers.", (WIDTH, 402), parts)


def _lane(frame: ChartFrame) -> Markup:
    box = frame.box
    y = box.bottom + 24
    words = text("nothing", box.left - 8, y + 4.5, class_="axis", text_anchor="end")
    return join((line(box.left, y, box.right, y, class_="grid"), words))


def _place(option: Option, frame: ChartFrame) -> tuple[float, float]:
    size = option.choice.bytes_up
    return frame.x.at(max(option.total, MIN_MS)), frame.y.at(size) if size else frame.box.bottom + 24


def _mark(plan: Plan, option: Option, frame: ChartFrame) -> Markup:
    """Filled on the front, hollow elsewhere."""
    kind = f"mark {colour(option.choice)}{'' if option.front else ' hollow'}"
    shape = mark(SHAPES.get(option.choice.kind, "triangle"), *_place(option, frame), class_=kind)
    size, accuracy = (
        format_size(option.choice.bytes_up),
        f"{option.choice.accuracy:.1f}% {accuracy_word(plan.measure)}",
    )
    return group(shape, told=f"{option.name}: {format_time(option.total)}, {size}, {accuracy}")


def _names(plan: Plan, frame: ChartFrame) -> Markup:
    """The names of the choices that matter, each at the nearest place where it covers no mark and no other
    name.
    """
    taken = [Box.around(*_place(option, frame), 12, 12) for option in plan.options]
    inside = Box(frame.box.left, frame.box.top, frame.box.right, frame.box.bottom + 36)
    parts = []
    for option in drawn(plan):
        x, y = _place(option, frame)
        box = free(x, y, frame.letter * len(option.name), taken, inside)
        taken.append(box)
        side, anchor, inset = (box.left, "start", 3) if box.left > x else (box.right, "end", -3)
        parts.append(line(x, y, side, box.middle, class_=f"leader {colour(option.choice)}"))
        kind = f"name {'here' if weight(plan, option) == 'best' else ''}".rstrip()
        parts.append(text(option.name, side + inset, box.middle + 4.5, text_anchor=anchor, class_=kind))
    return join(parts)
