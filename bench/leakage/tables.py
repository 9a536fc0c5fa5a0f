"""What `isthmus bench leakage` prints."""

from rich.console import Console
from rich.table import Table

from bench.codec.captions import NLL
from bench.codec.matches import LABEL
from bench.head.tables import sentence
from bench.leakage.measure import Leakage, Row
from bench.rig.machine import Setting

_MEASURED = {
    NLL: "nats a token of the reference captions",
    LABEL: "labels that are those of the pictures themselves",
}
_COLUMNS = ("way", "bytes", "PSNR dB", "SSIM")


def show(leakage: Leakage, where: Setting, console: Console) -> None:
    """The table, what its columns mean, and where it was measured."""
    table = Table(
        title="pictures made again from what crossed the wire",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for name in (*_COLUMNS, leakage.measure):
        table.add_column(name, justify="left" if name == "way" else "right", no_wrap=True)
    table.add_row("the pictures themselves", "", "", "", _value(leakage, leakage.original))
    cut = ""
    for row in leakage.rows:
        if cut != (cut := row.name.partition("/")[0].partition("-")[0]):
            table.add_row()
        table.add_row(*_cells(leakage, row))
    console.print(table)
    for line in (*_notes(leakage), sentence(where)):
        console.print(line, highlight=False)


def _cells(leakage: Leakage, row: Row) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.bytes:,.0f}",
        f"{row.psnr:.1f}",
        f"{row.ssim:.3f}",
        _value(leakage, row.understood),
    )


def _notes(leakage: Leakage) -> list[str]:
    kept = (
        f"{leakage.train_pictures} pictures and what they were sent as, and tries itself on "
        f"{leakage.held_out} others"
    )
    what = _MEASURED.get(leakage.measure, "right answers")
    return [
        (
            f"A small network learns from {kept}, {leakage.steps} steps; PSNR and SSIM at {leakage.side} x "
            f"{leakage.side}."
        ),
        (
            f"{leakage.measure}: {what}, by the whole model, about the pictures made again. A longer or a "
            "better attack finds more."
        ),
    ]


def _value(leakage: Leakage, value: float) -> str:
    return f"{value:.3f}" if leakage.measure == NLL else f"{value:.1f}%"
