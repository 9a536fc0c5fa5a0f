"""Total time against bytes sent: a mark for each choice."""

from protos.terminal.units import format_size, format_time
from splitter.planning.frame import LETTER, MIN_MS, WIDTH, Frame, colour, drawing, drawn, weight
from splitter.planning.plan import Option, Plan
from splitter.planning.svg import Box, LogAxis, element, free, line, path, text, title


def bytes_chart(plan: Plan) -> str:
    """Total time against bytes sent, a mark for each choice; what sends nothing lies in a lane of its own at
    the bottom.
    """
    sizes = [option.choice.bytes_up for option in plan.options if option.choice.bytes_up] or [1]
    times = [max(option.total, MIN_MS) for option in plan.options]
    frame = Frame(LogAxis.around(times, 80, WIDTH - 40), LogAxis.around(sizes, 304, 34))
    marks = [_mark(plan, option, frame) for option in sorted(plan.options, key=lambda option: option.front)]
    parts = [_grid_sizes(frame), _grid_total(frame), *marks, _names(plan, frame)]
    return drawing(
        "Total time against bytes sent, for every choice; the table below has the numbers", 384, parts
    )


def _grid_sizes(frame: Frame) -> str:
    lane = frame.bottom + 24
    parts = [text("sent", frame.left - 8, frame.top - 18, class_="axis", text_anchor="end")]
    parts += [
        line(frame.left, lane, frame.right, lane, class_="grid"),
        text("nothing", 72, lane + 4, class_="axis", text_anchor="end"),
    ]
    for tick in frame.y.ticks():
        y = frame.y.at(tick)
        words = text(format_size(tick), frame.left - 8, y + 4, class_="axis", text_anchor="end")
        parts += [line(frame.left, y, frame.right, y, class_="grid"), words]
    return "".join(parts)


def _grid_total(frame: Frame) -> str:
    parts = [
        text("total", (frame.left + frame.right) / 2, frame.bottom + 72, class_="axis", text_anchor="middle")
    ]
    for tick in frame.x.ticks():
        x = frame.x.at(tick)
        words = text(format_time(tick), x, frame.bottom + 52, class_="axis", text_anchor="middle")
        parts += [line(x, frame.top, x, frame.bottom + 34, class_="grid"), words]
    return "".join(parts)


def _place(option: Option, frame: Frame) -> tuple[float, float]:
    size = option.choice.bytes_up
    return frame.x.at(max(option.total, MIN_MS)), frame.y.at(size) if size else frame.bottom + 24


def _mark(plan: Plan, option: Option, frame: Frame) -> str:
    """A disc for a split, a square for an upload, a diamond for local; filled on the front, hollow
    elsewhere.
    """
    x, y = _place(option, frame)
    kind = f"mark {colour(plan, option.choice)} {'front' if option.front else 'beaten'}"
    shapes = {
        "split": element("circle", cx=x, cy=y, r=6, class_=kind),
        "upload": element("rect", x=x - 5, y=y - 5, width=10, height=10, class_=kind),
        "local": path([(x, y - 8), (x + 8, y), (x, y + 8), (x - 8, y), (x, y - 8)], class_=kind),
    }
    shape = shapes.get(option.choice.kind, shapes["split"])
    size, accuracy = format_size(option.choice.bytes_up), f"{option.choice.accuracy:.1f}% right"
    costs = f"{format_time(option.total)}, {size}, {accuracy}"
    return element("g", title(f"{option.name}: {costs}") + shape)


def _names(plan: Plan, frame: Frame) -> str:
    """The names of the coloured marks, each at the nearest place where it covers no mark and no other
    name.
    """
    coloured = {option.name for option in drawn(plan)}
    taken = [Box.around(*_place(option, frame), 12, 12) for option in plan.options]
    parts = []
    for option in (option for option in plan.options if option.name in coloured):
        x, y = _place(option, frame)
        box = free(
            x, y, LETTER * len(option.name), taken, Box(frame.left, frame.top, frame.right, frame.bottom + 36)
        )
        taken.append(box)
        side = box.left if box.left > x else box.right
        leader = line(x, y, side, box.middle, class_=f"leader {colour(plan, option.choice)}")
        anchor, inset = ("start", 3) if box.left > x else ("end", -3)
        parts.append(
            leader
            + text(option.name, side + inset, box.middle + 4, text_anchor=anchor, class_=weight(plan, option))
        )
    return "".join(parts)
