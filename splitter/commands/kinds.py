"""What a bundle's report says by kind of question: every route, aligned."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from protos.arms.loss import NOISE
from protos.bundle import Bundle
from protos.measurements import accuracy_word
from protos.report import Report, ReportRows

_WIDE = 160
_PADDING = (0, 1, 0, 0)


def print_kinds(bundle: Bundle, *, as_json: bool) -> None:
    """Print the rows of a bundle's report by kind of question, as a table or as one JSON object. Raises
    BundleDamaged.
    """
    report = Report.read(bundle)
    rows = report.rows
    if as_json:
        print(
            json.dumps(
                {
                    "path": str(bundle.path),
                    "digest": bundle.digest,
                    "n": report.count,
                    "n_by_kind": report.counts,
                    "rows": rows,
                },
                indent=1,
            )
        )
        return
    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(_table(rows, report))


def _table(rows: ReportRows, report: Report) -> Table:
    kinds = list(dict.fromkeys(kind for row in rows for kind in row["by_kind"]))
    table = Table(
        title=f"{accuracy_word(report.measure)} in percent, by kind of question",
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("route", no_wrap=True)
    measured = ("95%", "loss", "identical") if any("low" in row for row in rows) else ()
    for name in ("bytes", "all", *measured, *kinds):
        table.add_column(escape(name), justify="right", no_wrap=True)
    if report.count:
        counts = (str(report.counts.get(kind, "")) for kind in kinds)
        empty = ("",) * len(measured)
        table.add_row("n", "", str(report.count), *empty, *counts, style="dim")
    for row in rows:
        cells = (f"{row['by_kind'][kind]:.1f}" if kind in row["by_kind"] else "" for kind in kinds)
        first = (f"{row['bytes_mean']:,.0f}", f"{row['accuracy']:.1f}")
        table.add_row(escape(row["route"]), *first, *(_told(row) if measured else ()), *cells)
    return table


def _told(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """The interval, the loss with what of it is noise, and the share of identical answers; where they are
    told.
    """
    if "low" not in row:
        return "", "", ""
    lost = f"{row['loss']:.1f} ±{NOISE * row['loss_error']:.1f}"
    return f"{row['low']:.1f}-{row['high']:.1f}", lost, f"{row['identical']:.0f}"
