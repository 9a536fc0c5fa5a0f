"""How sure the device's own answers are: what a confidence means, and what asking the cloud gains."""

from rich.table import Table

from protos import bundle_pb2 as pb
from protos.measurements import accuracy_word
from protos.terminal.units import format_accuracy


def cascade_tables(measured: pb.Measurements) -> list[Table]:
    """Nothing where the split measured no confidence."""
    found = measured.local.calibration
    return [_cascades(measured), _knots(found)] if found.cascades else []


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
