"""What `isthmus bench edge` prints."""

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.edge.results import EdgeFigures, Start
from bench.rig.machine import processor
from protos.terminal.units import format_size

_PIPED_WIDTH = 110
_LARGEST = 5  # packages that are named


def show(figures: EdgeFigures, console: Console) -> None:
    """A row for each, what is installed, and where it was measured."""
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    console.print(_starts(figures))
    console.print(_installed(figures), highlight=False)
    console.print(_where(figures), highlight=False)


def _starts(figures: EdgeFigures) -> Table:
    made = Table(title="what a device spends", title_justify="left")
    for name in ("", "first answer s", "range", "resident", "answer ms", "CPU ms an answer", "CPU at rest"):
        made.add_column(name, justify="right" if name else "left", no_wrap=not name)
    for name, starts in figures.starts.items():
        made.add_row(name, *_row(starts))
    return made


def _row(starts: Sequence[Start]) -> list[str]:
    firsts = [start.first_seconds for start in starts]
    row = [f"{statistics.median(firsts):.2f}", f"{min(firsts):.2f} to {max(firsts):.2f}"]
    if starts[0].answer_ms is None:
        return row
    resident = statistics.median(start.resident_bytes for start in starts)
    answer, cpu, rest = (
        statistics.median(value for start in starts if (value := getattr(start, name)) is not None)
        for name in ("answer_ms", "cpu_ms", "rest_cores")
    )
    return [*row, format_size(round(resident)), f"{answer:.1f}", f"{cpu:.1f}", f"{100 * rest:.1f}% of a core"]


def _installed(figures: EdgeFigures) -> str:
    by_size = sorted(figures.installed.items(), key=lambda item: -item[1])
    largest = ", ".join(f"{name} {format_size(size)}" for name, size in by_size[:_LARGEST])
    total = format_size(sum(figures.installed.values()))
    return (
        f"A device installs {total} of packages here, Isthmus' own code not counted: {largest}, and smaller."
    )


def _where(figures: EdgeFigures) -> str:
    where = figures.setting
    return (
        f"Medians of {where.repetitions} processes of each, in turns, after one; {figures.answers} answers "
        f"and {figures.rest_seconds:g} s of rest in each that stays. {processor()}, {where.cores} cores, "
        f"load {where.load}; models {where.threads} threads, the cloud on the same cores; onnxruntime "
        f"{where.versions['onnxruntime']}."
    )
