"""A plan for the terminal, and as plain values for JSON."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from protos.arms.loss import NOISE
from protos.measurements import accuracy_word
from protos.terminal.units import format_accuracy, format_bound, format_rate
from splitter.planning.envelope import Stretch
from splitter.planning.plan import Option, Plan
from splitter.planning.reason import ranked, reason, why

BEST, FRONT = ">", "*"


def print_plan(plan: Plan, console: Console, *, explained: bool = False) -> None:
    """The recommendation; then every choice, or, explained, every choice with why it is not the one; what the
    numbers mean, and the crossovers.
    """
    console.print(escape(reason(plan)), highlight=False)
    console.print()
    console.print(reasons(plan) if explained else table(plan))
    for line in (legend(plan), *notes(plan)):
        console.print(escape(line), highlight=False)
    console.print()
    for title, stretches in crossovers(plan):
        console.print(title, style="bold")
        for low, high, name in spans(stretches):
            console.print(f"  {low:>11} .. {high:<11} {escape(name)}", highlight=False)


def table(plan: Plan) -> Table:
    """Every choice in milliseconds, those of one kind together."""
    shown = _empty(plan)
    for name in columns(plan):
        shown.add_column(name, justify="right", no_wrap=True)
    kind = plan.options[0].choice.kind
    for option in plan.options:
        if option.choice.kind != kind:
            shown.add_row()
            kind = option.choice.kind
        shown.add_row(*map(escape, row(plan, option)), style="bold" if option is plan.recommended else None)
    return shown


def reasons(plan: Plan) -> Table:
    """Every choice, the best first, and why it is not recommended."""
    shown = _empty(plan)
    for name in ("total", "bytes", _right(plan)):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("why", overflow="fold")
    for option in ranked(plan):
        choice = option.choice
        cells = (_ms(option.total), f"{choice.bytes_up:,}", _accuracy(option), why(plan, option))
        best = option is plan.recommended
        shown.add_row(
            _marks(plan, option), escape(choice.name), *map(escape, cells), style="bold" if best else None
        )
    return shown


def columns(plan: Plan) -> list[str]:
    """The numbers of a row: milliseconds, bytes up, accuracy with its 95% interval, and points below the
    whole model with what of them is noise.
    """
    tail = ["95%"] if recorded(plan) else []
    late = ["late"] if recorded(plan) and plan.demands.deadline is not None else []
    return ["bytes", "device", "network", "cloud", "total", *tail, *late, _right(plan), "loss"]


def row(plan: Plan, option: Option) -> list[str]:
    """The marks, the name and the numbers of one choice."""
    choice = option.choice
    times = [_ms(time) for time in (choice.here, option.network, choice.there, option.total)]
    tail = [_ms(option.tail)] if recorded(plan) else []
    late = [f"{option.late:.1%}"] if recorded(plan) and plan.demands.deadline is not None else []
    loss = _loss(option) + (" " if option.accurate else "!")
    return [
        _marks(plan, option),
        choice.name,
        f"{choice.bytes_up:,}",
        *times,
        *tail,
        *late,
        _accuracy(option),
        loss,
    ]


def recorded(plan: Plan) -> bool:
    """Whether times differ from start to start."""
    return any(option.tail != option.total for option in plan.options)


def legend(plan: Plan) -> str:
    """What the marks mean."""
    bound = format_bound(plan.demands.max_loss)
    return (
        f"{BEST} recommended   {FRONT} on the Pareto front of total, bytes and accuracy   ! loses more "
        f"than {bound} beyond noise"
    )


def notes(plan: Plan) -> list[str]:
    """What the numbers mean."""
    measured = "measured" if plan.device.measured else "a guess until measured: isthmus edge profile"
    spread = ["95%: the total that 95% of all starts stay within"] if recorded(plan) else []
    return [
        (
            f"milliseconds for an answer of {plan.demands.workload.tokens:g} tokens; device: "
            f"{plan.device.machine} ({measured})"
        ),
        *_doubt(plan),
        *spread,
        *([plan.link.outages.words] if plan.link.outages else []),
    ]


def _doubt(plan: Plan) -> list[str]:
    """Over what accuracies are, and which losses count; nothing where that is not told."""
    if not plan.pictures:
        return []
    answers = f"{plan.count} answers about " if plan.count != plan.pictures else ""
    return [
        (
            f"{accuracy_word(plan.measure)}: over {answers}{plan.pictures} pictures, with its 95% interval; "
            "a loss counts beyond what is behind ±, which is noise"
        )
    ]


def crossovers(plan: Plan) -> list[tuple[str, tuple[Stretch, ...]]]:
    """The lists of the fastest choices by uplink, titled; the second only where the first does not say it
    already.
    """
    lists = [("fastest of the accurate choices, by uplink", plan.stretches)]
    if plan.remote and plan.remote != plan.stretches:
        lists.append(("fastest of those through the cloud", plan.remote))
    return lists


def spans(stretches: tuple[Stretch, ...]) -> list[tuple[str, str, str]]:
    """From, to, and the name of the fastest choice between them."""
    return [
        (format_rate(stretch.low), format_rate(stretch.high), stretch.choice.name) for stretch in stretches
    ]


def record(plan: Plan) -> dict[str, Any]:
    """The plan as plain values: milliseconds, bytes, bits a second, percent."""
    return {
        "link": {
            "words": plan.link.words,
            "uplink_bps": plan.link.uplink,
            "round_trip_ms": plan.link.round_trip,
        },
        "outages": dataclasses.asdict(plan.link.outages) if plan.link.outages else None,
        "demands": {
            "deadline_ms": plan.demands.deadline,
            "max_loss": plan.demands.max_loss,
            "tokens": plan.demands.workload.tokens,
        },
        "device": {"machine": plan.device.machine, "measured": plan.device.measured},
        "accuracy": plan.accuracy,
        "measure": plan.measure,
        "n": plan.count,
        "pictures": plan.pictures,
        "choices": [{**_record(option), "why": why(plan, option)} for option in plan.options],
        "fastest": [_stretch(stretch) for stretch in plan.stretches],
        "fastest_remote": [_stretch(stretch) for stretch in plan.remote],
        "deadline_uplink_bps": plan.enough,
        "recommended": plan.recommended.name,
        "reason": reason(plan),
    }


def _record(option: Option) -> dict[str, Any]:
    choice = option.choice
    return {
        "name": choice.name,
        "kind": choice.kind,
        "bytes": choice.bytes_up,
        "head_ms": choice.cost.head,
        "encode_ms": choice.cost.encode,
        "network_ms": option.network,
        "entry_ms": choice.cost.entry,
        "generate_ms": choice.cost.generate,
        "total_ms": option.total,
        "p95_ms": option.tail,
        "late": option.late,
        "accuracy": choice.accuracy,
        "accuracy_low": choice.accuracy_low,
        "accuracy_high": choice.accuracy_high,
        "loss": option.loss,
        "loss_error": choice.loss_error,
        "loss_beyond_noise": choice.loss,
        "accurate": option.accurate,
        "front": option.front,
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {"from_bps": stretch.low, "to_bps": stretch.high, "name": stretch.choice.name}


def _empty(plan: Plan) -> Table:
    """A table with the marks and the names, the numbers still to come."""
    title = f"over {escape(plan.link.words)}"
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    shown.add_column("", no_wrap=True)
    shown.add_column("choice", overflow="fold")
    return shown


def _marks(plan: Plan, option: Option) -> str:
    return (BEST if option.name == plan.recommended.name else " ") + (FRONT if option.front else " ")


def _right(plan: Plan) -> str:
    """The column of accuracies, with how many each was taken over."""
    word = accuracy_word(plan.measure)
    return f"{word} (n={plan.count})" if plan.count else word


def _accuracy(option: Option) -> str:
    choice = option.choice
    return format_accuracy(choice.accuracy, choice.accuracy_low, choice.accuracy_high)


def _loss(option: Option) -> str:
    """Points, and those that may be noise where there is any."""
    loss, noise = option.loss, NOISE * option.choice.loss_error
    digits = 2 if 0 < loss < 0.05 else 1
    return f"{loss:.{digits}f}" + (f" ±{noise:.1f}" if noise >= 0.05 else "")


def _ms(time: float) -> str:
    return f"{time:,.0f}" if time >= 100 else f"{time:.1f}"
