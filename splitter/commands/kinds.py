"""What a bundle's report says by kind of question: every route, aligned."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from protos.bundle import Bundle
from protos.errors import BundleDamaged

REPORT = "report.json"
_WIDE = 160
_PADDING = (0, 1, 0, 0)
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "route": str,
    "bytes_mean": (int, float),
    "accuracy": (int, float),
    "by_kind": dict,
}

ReportRows = Sequence[Mapping[str, Any]]


def print_kinds(bundle: Bundle, *, as_json: bool) -> None:
    """Print the rows of a bundle's report by kind of question, as a table or as one JSON object. Raises
    BundleDamaged.
    """
    rows = report_rows(bundle)
    if as_json:
        print(json.dumps({"path": str(bundle.path), "digest": bundle.digest, "rows": rows}, indent=1))
        return
    console = Console()
    (console if console.is_terminal else Console(width=_WIDE)).print(_table(rows))


def report_rows(bundle: Bundle) -> ReportRows:
    """The rows of report.json: route, mean bytes, accuracy and accuracy by kind in percent. Raises
    BundleDamaged.
    """
    try:
        rows = json.loads(bundle.file(REPORT).read_bytes())["rows"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(bundle, f"{type(error).__name__}: {error}") from error
    if not isinstance(rows, list) or not rows or not all(map(_sound, rows)):
        raise _damaged(bundle, "no rows by kind")
    return rows


def _sound(row: Any) -> bool:
    typed = isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in _FIELDS.items())
    return typed and all(isinstance(value, int | float) for value in row["by_kind"].values())


def _damaged(bundle: Bundle, why: str) -> BundleDamaged:
    return BundleDamaged(
        f"bundle {bundle.path}: {REPORT} cannot be read ({why}); split the model again",
        file=REPORT,
        bundle=bundle.digest,
    )


def _table(rows: ReportRows) -> Table:
    kinds = list(dict.fromkeys(kind for row in rows for kind in row["by_kind"]))
    table = Table(
        title="accuracy in percent, by kind of question",
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("route", no_wrap=True)
    for name in ("bytes", "all", *kinds):
        table.add_column(escape(name), justify="right", no_wrap=True)
    for row in rows:
        cells = (f"{row['by_kind'][kind]:.1f}" if kind in row["by_kind"] else "" for kind in kinds)
        table.add_row(escape(row["route"]), f"{row['bytes_mean']:,.0f}", f"{row['accuracy']:.1f}", *cells)
    return table
