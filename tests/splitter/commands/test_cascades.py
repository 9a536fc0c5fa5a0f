from rich.console import Console
from rich.table import Table
from rich.text import Text

from protos import bundle_pb2 as pb
from splitter.commands.cascades import cascade_tables


def measured(local: float) -> pb.Measurements:
    cascades = [
        pb.Cascade(escalated=0.0, threshold=0.1, accuracy=local, kept=0.9, kept_low=0.85),
        pb.Cascade(escalated=0.3, threshold=0.8, accuracy=94.0, kept=0.99, kept_low=0.97),
        pb.Cascade(escalated=1.0, threshold=2.0, accuracy=95.0, kept=1.0),
    ]
    knots = [pb.Knot(raw=0.2, agreement=0.5, low=0.4, high=0.6, count=50)]
    calibration = pb.Calibration(
        knots=knots, count=500, auroc=0.95, error=0.01, cut="connector", codec="fitted-1", cascades=cascades
    )
    return pb.Measurements(accuracy=95.0, local=pb.MeasuredLocal(accuracy=local, calibration=calibration))


def shown(table: Table | Text) -> str:
    console = Console(width=110)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_share_escalated_stands_beside_the_part_of_the_way_that_it_gains() -> None:
    cascades, line, knots = map(shown, cascade_tables(measured(85.0)))
    (row,) = [line for line in cascades.splitlines() if " 30% " in line]
    assert "94.0%" in row
    assert "90%" in row, "of the ten points from the device to the whole model, nine"
    assert "99.0% (at least 97.0%)" in row
    assert "connector/fitted-1" in cascades
    assert "50.0% (40.0%-60.0%)" in knots
    assert "30% of the questions to the cloud go 90% of the way" in line
    assert "n = 500" in line


def test_where_the_device_loses_nothing_there_is_no_way_to_go() -> None:
    cascades, line, _ = map(shown, cascade_tables(measured(95.0)))
    (row,) = [line for line in cascades.splitlines() if " 30% " in line]
    assert row.split("│")[3].strip() == ""
    assert "the device alone scores as much as the whole model" in line


def test_a_promise_has_a_line_of_its_own() -> None:
    found = measured(85.0)
    found.local.calibration.promised.CopyFrom(pb.Cascade(escalated=0.4, threshold=0.9, agreement=0.95))
    *_, promised, _ = map(shown, cascade_tables(found))
    assert promised.startswith("cascade@agree-95%: 40% to the cloud; of the others at least 95%")


def test_without_a_confidence_there_is_no_table() -> None:
    assert cascade_tables(pb.Measurements(local=pb.MeasuredLocal(accuracy=90.0))) == []
