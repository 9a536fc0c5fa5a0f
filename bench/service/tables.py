"""What `isthmus bench service` prints."""

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.rig.console import plain_table, print_notes, print_sentences
from bench.service.goals import goals
from bench.service.results import BOUND, SHARED, WORDS, Measured, Row
from protos.terminal.units import format_size

_TIMES = (
    "answers/s: of all devices together. A device asks again as soon as it has its answer; where a rate is "
    "named, requests come at random instants, and times count from these. batch: answers side by side in a "
    "decode step. first token: median ms."
)
_USED = (
    "CPU ms: of the service, an answer. devices' ms: of their processes, an answer, from the same cores. "
    "memory: resident."
)
_ASKED = (
    "cut, mixed cuts: features of one cut, and of all in turns. again: a second question about a frame, "
    "which uploads nothing. short beside long: one device asks for short answers, and one or 16 for the "
    "longest that there are; times are of the short ones, CPU is an answer of either."
)


def _of_bound(row: Row, one: Measured) -> str:
    bound = row.of(BOUND)
    return f"{one.per_second / bound.per_second:.0%}" if bound and one is not bound else ""


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


_COLUMNS: Mapping[str, Callable[[Row, Measured], str]] = {
    "answers/s": lambda _, one: f"{one.per_second:.1f}",
    "tokens/s": lambda _, one: f"{one.tokens_per_second:.0f}",
    "of bound": _of_bound,
    "batch": lambda _, one: "" if one.batch is None else f"{one.batch:.1f}",
    "first token": lambda _, one: _milliseconds(one.first_token_p50),
    "p50 ms": lambda _, one: _milliseconds(one.p50),
    "p95 ms": lambda _, one: _milliseconds(one.p95),
    "p99 ms": lambda _, one: _milliseconds(one.p99),
    "CPU ms": lambda _, one: f"{one.cpu_ms:.1f}",
    "devices' ms": lambda _, one: "" if one.devices_cpu_ms is None else f"{one.devices_cpu_ms:.1f}",
    "memory": lambda _, one: "" if one.resident_bytes is None else format_size(one.resident_bytes),
    "failed": lambda _, one: "" if one.service in {BOUND, SHARED} else str(one.failed),
}


def show(rows: Sequence[Row], where: str, console: Console) -> None:
    """All rows, what is held to a goal, and where it was measured."""
    console.print(_table(rows))
    services = [f"{name}: {words}." for name, words in WORDS.items()]
    print_notes(console, (*services, _TIMES, _USED, _ASKED, where))
    console.print()
    print_sentences(console, map(str, goals(rows)))


def _table(rows: Sequence[Row]) -> Table:
    table = plain_table("many devices on one service")
    for name in ("asked for", "devices", "service"):
        table.add_column(name, justify="right" if name == "devices" else "left")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        for index, one in enumerate(row.measured):
            asked = row.workload if row.rate is None else f"{row.workload}: {row.rate:.1f}/s"
            named = ("", "") if index else (asked, str(row.devices))
            table.add_row(*named, one.service, *(cell(row, one) for cell in _COLUMNS.values()))
    return table
