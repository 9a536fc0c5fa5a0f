"""What `isthmus bench leakage` prints."""

from rich.console import Console
from rich.table import Table

from bench.codec.evaluation.captions import NLL
from bench.codec.evaluation.matching import LABEL
from bench.leakage.results import LeakageReport, LeakageResult
from bench.rig.console import plain_table
from bench.rig.machine import Setting, describe
from protos.measurements import FIDELITY

_METRICS = {
    NLL: "nats a token of the reference captions",
    FIDELITY: "how near every next token is to the pictures' own",
    LABEL: "labels that are those of the pictures themselves",
}
_COLUMNS = ("way", "bytes", "PSNR dB", "SSIM")


def show(report: LeakageReport, where: Setting, console: Console) -> None:
    """The table, what its columns mean, and where it was measured."""
    console.print(_table(report))
    for line in (*_notes(report), describe(where)):
        console.print(line, highlight=False)


def _table(report: LeakageReport) -> Table:
    table = plain_table("pictures made again from what crossed the wire")
    for name in (*_COLUMNS, report.measure):
        table.add_column(name, justify="left" if name == "way" else "right", no_wrap=True)
    table.add_row("the pictures themselves", "", "", "", _value(report, report.original))
    group = ""
    for result in report.results:
        if group != (group := result.name.partition("/")[0].partition("-")[0]):
            table.add_row()
        table.add_row(*_cells(report, result))
    return table


def _cells(report: LeakageReport, result: LeakageResult) -> tuple[str, ...]:
    return (
        result.name,
        f"{result.bytes:,.0f}",
        f"{result.psnr:.1f}",
        f"{result.ssim:.3f}",
        _value(report, result.understood),
    )


def _notes(report: LeakageReport) -> list[str]:
    pictures = (
        f"{report.train_pictures} pictures and what they were sent as, and tries itself on "
        f"{report.held_out} others"
    )
    metric = _METRICS.get(report.measure, "right answers")
    return [
        (
            f"A small network learns from {pictures}, {report.steps} steps; PSNR and SSIM at {report.side} x "
            f"{report.side}."
        ),
        (
            f"{report.measure}: {metric}, by the whole model, about the pictures made again. A longer or a "
            "better attack finds more."
        ),
    ]


def _value(report: LeakageReport, value: float) -> str:
    return f"{value:.3f}" if report.measure == NLL else f"{value:.1f}%"
