"""How sure the device's own answers are: what a confidence means, and what asking the cloud gains."""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from protos import bundle_pb2 as pb
from protos.measurements import accuracy_word
from protos.terminal.units import format_accuracy

_MOST = 0.9  # of the way, which is what a line tells


def cascade_tables(measured: pb.Measurements) -> list[Table | Text]:
    """Nothing where the split measured no confidence."""
    found = measured.local.calibration
    if not found.cascades:
        return []
    return [_cascades(measured), *map(Text, cascade_lines(measured)), _knots(found)]


def cascade_lines(measured: pb.Measurements) -> Iterator[str]:
    """How few questions the cloud need be asked, and what is promised of those that it is not."""
    found = measured.local.calibration
    here, there = found.cascades[0].accuracy, measured.accuracy
    near = [one for one in found.cascades if one.accuracy - here >= _MOST * (there - here)]
    of = f"AUROC {found.auroc:.2f}, n = {found.count}"
    if there <= here:
        yield f"the device alone scores as much as the whole model ({of})"
    elif near:
        yield (
            f"{near[0].escalated:.0%} of the questions to the cloud go {_MOST:.0%} of the way from the "
            f"device's {here:.1f}% to the whole model's {there:.1f}% ({of})"
        )
    if found.HasField("promised"):
        one, share = found.promised, 100 * found.promised.agreement
        yield (
            f"cascade@agree-{share:g}%: {one.escalated:.0%} to the cloud; of the others at least {share:g}% "
            "are the whole model's answers, with 95% confidence"
        )


def _cascades(measured: pb.Measurements) -> Table:
    """Accuracy by the share of questions that the cloud is asked, from none to all."""
    found = measured.local.calibration
    table = _table(
        f"the device first; where it is not sure, the cloud by {found.cut}/{found.codec}",
        "escalated",
        f"{accuracy_word(measured.measure)}\nn = {found.count}",
        "of the way",
        "kept answers that agree",
    )
    here, there = found.cascades[0].accuracy, measured.accuracy
    for one in found.cascades:
        way = f"{(one.accuracy - here) / (there - here):.0%}" if there > here else ""
        kept = f"{one.kept:.1%} (at least {one.kept_low:.1%})" if one.escalated < 1 else ""
        accuracy = format_accuracy(one.accuracy, one.accuracy_low, one.accuracy_high)
        table.add_row(f"{one.escalated:.0%}", accuracy, way, kept)
    table.caption = "of the way: from the device's accuracy to the whole model's"
    table.caption_justify = "left"
    return table


def _knots(found: pb.Calibration) -> Table:
    """What a raw confidence means."""
    table = _table(
        f"how sure an answer is: AUROC {found.auroc:.3f}, calibration error {found.error:.1%}",
        "raw confidence",
        "agrees with the whole model",
        "answers",
    )
    for knot in found.knots:
        told = f"{knot.agreement:.1%} ({knot.low:.1%}-{knot.high:.1%})"
        table.add_row(f"{knot.raw:.3f}", told, str(knot.count))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
