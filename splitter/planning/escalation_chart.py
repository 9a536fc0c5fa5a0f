"""Accuracy against the share of questions that the cloud is asked, where the device answers first."""

from protos import bundle_pb2 as pb
from protos.measurements import accuracy_word
from protos.pages.axes import LinearAxis
from protos.pages.frame import ChartFrame
from protos.pages.markup import Markup, join
from protos.pages.svg import drawing, group, line, mark, path, text
from protos.terminal.units import format_accuracy
from splitter.planning.colours import WIDTH

_ROOM = 0.08  # of the range of accuracies, above and below


def escalation_chart(measured: pb.Measurements) -> Markup:
    """The curve of a split's calibration with its 95% intervals; dotted, the whole model."""
    cascades = measured.local.calibration.cascades
    low = min(one.accuracy_low for one in cascades)
    high = max(measured.accuracy, *(one.accuracy_high for one in cascades))
    room = _ROOM * max(high - low, 1.0)
    frame = ChartFrame(LinearAxis(0, 1, 72, WIDTH - 40), LinearAxis(low - room, high + room, 320, 34))
    places = [(frame.x.at(one.escalated), frame.y.at(one.accuracy)) for one in cascades]
    parts = [
        frame.rows(frame.y.ticks(), lambda value: f"{value:.4g}%", accuracy_word(measured.measure)),
        frame.columns(frame.x.ticks(11), lambda share: f"{share:.0%}", "of the questions go to the cloud"),
        _whole(measured, frame),
        path(places, class_="curve cascade"),
        *(_mark(one, frame) for one in cascades),
    ]
    words = "Accuracy by the share of questions escalated"
    return drawing(words, "isthmus bundle show has the numbers.", (WIDTH, 376), parts)


def _whole(measured: pb.Measurements, frame: ChartFrame) -> Markup:
    y, box = frame.y.at(measured.accuracy), frame.box
    name = text("whole model", box.right - 4, y - 7, class_="axis", text_anchor="end")
    return join((line(box.left, y, box.right, y, class_="limit"), name))


def _mark(one: pb.Cascade, frame: ChartFrame) -> Markup:
    x = frame.x.at(one.escalated)
    ends = (frame.y.at(one.accuracy_low), frame.y.at(one.accuracy_high))
    accuracy = format_accuracy(one.accuracy, one.accuracy_low, one.accuracy_high)
    told = f"{one.escalated:.0%} escalated: {accuracy}"
    if one.escalated < 1:
        told += f"; {one.kept:.1%} of the device's answers agree"
    whisker = line(x, ends[0], x, ends[1], class_="whisker cascade")
    return group(whisker, mark("disc", x, frame.y.at(one.accuracy), class_="mark cascade"), told=told)
