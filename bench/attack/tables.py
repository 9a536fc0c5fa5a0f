"""What `isthmus bench attack` prints."""

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.attack.results import GOAL, AttackResult
from bench.rig.console import plain_table, print_notes
from protos.terminal.units import format_size

_Columns = Mapping[str, Callable[[AttackResult], str]]

_DEVICE: _Columns = {
    "attack": lambda r: r.attack,
    "alone ms": lambda r: f"{r.alone.p50:.1f}",
    "beside ms": lambda r: f"{r.beside.p50:.1f}",
    "times": lambda r: f"{r.ratio:.2f}{'*' if r.missed else ''}",
    "p95 ms": lambda r: f"{r.beside.p95:.0f}",
    "worst ms": lambda r: f"{r.beside.worst:.0f}",
    "failed": lambda r: f"{r.beside.failed}/{r.beside.calls}",
    "health worst ms": lambda r: f"{r.health.worst:.0f}",
    "health failed": lambda r: f"{r.health.failed}/{r.health.calls}",
}
_SERVICE: _Columns = {
    "attack": lambda r: r.attack,
    "memory": lambda r: format_size(r.bytes_before),
    "peak": lambda r: _rise(r.bytes_peak - r.bytes_before),
    "after": lambda r: _rise(r.bytes_after - r.bytes_before),
    "as before in": lambda r: "not yet" if r.back_seconds is None else f"{r.back_seconds:.1f} s",
    "log": lambda r: format_size(r.log_bytes),
    "what the attacker got": lambda r: ", ".join(f"{name} {count:,}" for name, count in r.got.items()),
}
_LEFT = ("attack", "what the attacker got")
_TIMES = (
    "alone, beside: median of the honest device's answers before and after the attack, and during it; p95 "
    "and worst are during it. A call that failed counts with its deadline, 10 s."
)
_CONTROLS = (
    "spinning-neighbour and honest-neighbours are no attacks: they show what it costs to share the cores, "
    "and the service."
)
_MEMORY = (
    "memory: resident, of the service and its picture workers; peak and after are what it rose by. Frames "
    "and embeddings of texts are kept up to the service's bounds."
)
_BACK = "as before in: from the end of the attack until honest answers took as long as before it."


def show(results: Sequence[AttackResult], skipped: Mapping[str, str], where: str, console: Console) -> None:
    """What the attacks cost the honest device, and the service, and where it was measured."""
    console.print(_table("an honest device beside attacks", _DEVICE, results))
    print_notes(console, (_goal(results), _TIMES, _CONTROLS))
    console.print()
    console.print(_table("the service under attack", _SERVICE, results))
    left_out = [f"Left out: {name}: {why}." for name, why in skipped.items()]
    print_notes(console, (*left_out, _MEMORY, _BACK, where))


def _goal(results: Sequence[AttackResult]) -> str:
    missed = [result.attack for result in results if result.missed]
    verdict = f"missed (*) beside {', '.join(missed)}" if missed else "held beside all"
    return (
        f"Goal: beside an attack honest answers take at most {GOAL:g} times as long, and neither they nor "
        f"health checks fail: {verdict}."
    )


def _table(title: str, columns: _Columns, results: Sequence[AttackResult]) -> Table:
    table = plain_table(title)
    for name in columns:
        table.add_column(name, justify="left" if name in _LEFT else "right")
    for result in results:
        table.add_row(*(cell(result) for cell in columns.values()))
    return table


def _rise(size: int) -> str:
    return f"+{format_size(size)}" if size > 0 else "0"
