"""What `isthmus simulate` prints: a table a case, and one over all."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.rig.console import plain_table, print_notes
from bench.simulate.policy import DecisionPolicy
from bench.simulate.results import CaseResult, Checked, Overall, PolicySummary, overall
from protos.terminal.units import format_size, format_time

_SHOWN = 3  # arms of a policy
NOTES = (
    "score: the mean of the policy's own objective: milliseconds, and the rest at what --weights say",
    "of oracle: the score against the oracle's",
    "J: joules of the device a request, by a model: 2 W while it works, 3.5 J a megabyte sent",
    "A request without an answer counts as 10 s at least.",
)


def show(cases: Sequence[CaseResult], kinds: Iterable[type[DecisionPolicy]], console: Console) -> None:
    """Every case, then all of them together, then what the words mean."""
    for case in cases:
        console.print(case_table(case))
        console.print()
    if len(cases) > 1:
        console.print(overall_table(overall(cases)))
        console.print()
    print_notes(console, (*(f"{kind.name}: {kind.words}" for kind in kinds), *NOTES))


def case_table(case: CaseResult) -> Table:
    """A row for each policy."""
    table = plain_table(f"{case.place.words}: {case.requests} requests")
    missed = any(one.missed is not None for one in case.summaries)
    for name in columns(missed=missed):
        table.add_column(name, justify="left" if name in WORDS else "right")
    for one in case.summaries:
        table.add_row(*row(one, missed=missed))
    return table


WORDS = frozenset({"policy", "arms"})


def columns(*, missed: bool) -> tuple[str, ...]:
    """Of a case's table."""
    late = ("missed",) if missed else ()
    times = ("mean", "P50", "P95", "P99")
    return "policy", "of oracle", "score", *times, *late, "unanswered", "bytes up", "J", "arms"


def row(one: PolicySummary, *, missed: bool) -> tuple[str, ...]:
    """A policy under `columns`."""
    times = map(format_time, (one.mean_ms, one.p50_ms, one.p95_ms, one.p99_ms))
    late = (_part(one.missed),) if missed else ()
    numbers = (f"{one.of_oracle:.2f}", f"{one.score:.0f}", *times, *late, _part(one.unanswered))
    return one.policy, *numbers, format_size(one.bytes_up), f"{one.joules:.3g}", arms_words(one.arms)


def arms_words(arms: Mapping[str, float]) -> str:
    """The share of each arm, the most common first."""
    shown = [f"{name} {_part(part)}" for name, part in list(arms.items())[:_SHOWN]]
    more = len(arms) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def overall_table(found: Sequence[Overall]) -> Table:
    """A row for each policy over all cases."""
    table = plain_table("over all cases")
    missed = any(one.missed is not None for one in found)
    for name in overall_columns(missed=missed):
        table.add_column(name, justify="left" if name in WORDS else "right")
    for one in found:
        table.add_row(*overall_row(one, missed=missed))
    return table


def overall_columns(*, missed: bool) -> tuple[str, ...]:
    """Of the table over all cases."""
    late = ("missed",) if missed else ()
    return "policy", "of oracle", "worst of oracle", "mean", *late, "unanswered", "bytes up", "J"


def overall_row(one: Overall, *, missed: bool) -> tuple[str, ...]:
    """A policy under `overall_columns`."""
    late = (_part(one.missed),) if missed else ()
    ratios = f"{one.of_oracle:.2f}", f"{one.worst:.2f}"
    return (
        one.policy,
        *ratios,
        format_time(one.mean_ms),
        *late,
        _part(one.unanswered),
        format_size(one.bytes_up),
        f"{one.joules:.3g}",
    )


def check_table(found: Sequence[Checked]) -> Table:
    """A row for each route that was played and simulated."""
    table = plain_table("the same requests, played with the real client and service, and simulated")
    for name in ("route", "requests", "played", "simulated", "off", "P50 played", "P50 simulated"):
        table.add_column(name, justify="left" if name == "route" else "right")
    for one in found:
        means = format_time(one.played_ms), format_time(one.simulated_ms), f"{one.off:+.1%}"
        halves = format_time(one.played_p50_ms), format_time(one.simulated_p50_ms)
        table.add_row(one.route, str(one.requests), *means, *halves)
    return table


def _part(part: float | None) -> str:
    return "" if part is None else f"{part:.1%}" if 0 < part < 0.0995 else f"{part:.0%}"
