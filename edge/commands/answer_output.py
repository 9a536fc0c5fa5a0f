"""How an answer came, told to a person on standard error."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.policy.explain import ACCURACY, COLUMNS, explain, sentence
from edge.requests.answer import Answer
from protos.arms.rules import LOCAL
from protos.measurements import accuracy_word

_PIPED_WIDTH = 120
_SHOWN = 10  # labels, of what may be hundreds


def note(text: str, style: str) -> None:
    """A line to standard error."""
    Console(stderr=True, soft_wrap=True).print(text, style=style, highlight=False, markup=False)


def print_how(answer: Answer) -> None:
    """By which way it came, and what that took."""
    console = Console(stderr=True, soft_wrap=True)
    if why := answer.fallback or answer.decision.outage:
        by = "on the device" if answer.route == LOCAL else "by another cloud"
        note(f"answered {by}: {why}", "yellow")
    if answer.filtered:
        note("the cloud's content filter ended the answer: the text is what came before", "yellow")
    if answer.label_scores:
        console.print(_fits(answer))
    console.print(_summary(answer), style="dim", highlight=False, markup=False)


def print_why(answer: Answer, count: int, *, few: bool) -> None:
    """The decision in a sentence, then every way or the `few` that matter; `count` is what accuracies were
    taken over.
    """
    console = Console(stderr=True, soft_wrap=True)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(sentence(answer.decision), highlight=False, markup=False)
    rows = explain(answer.decision, few=few)
    console.print(_table(answer, count, rows))
    if more := len(answer.decision.arms) - len(rows):
        console.print(f"{more} more ways: --explain all", style="dim", highlight=False)


def _summary(answer: Answer) -> str:
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in answer.stages.items() if name != "total")
    late = " (late)" if answer.late else ""
    source = answer.energy_source.partition(":")[0]
    came = f"{answer.route} · {answer.bytes_up} bytes up · {answer.stages['total']:.1f} ms{late}: {stages}"
    trace = f" · trace {answer.trace_id}" if answer.trace_id else ""
    return f"{came} · {answer.joules:.2f} J ({source}){_surely(answer)}{trace}"


def _surely(answer: Answer) -> str:
    """How sure the device is of its own answer, given or not."""
    if answer.confidence is None:
        return ""
    whose = "the device was" if answer.escalated else "it is"
    return f" · {whose} {answer.confidence:.0%} sure to say what the cloud would"


def _fits(answer: Answer) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("similarity", justify="right")
    for fit in answer.label_scores[:_SHOWN]:
        table.add_row(Text(fit.label), f"{fit.probability:.1%}", f"{fit.similarity:.3f}")
    return table


def _table(answer: Answer, count: int, rows: list[tuple[str, ...]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        words = column in {"way", "why"}
        word = accuracy_word(answer.decision.measure) if column == ACCURACY else column
        name = f"{word} (n={count})" if column == ACCURACY and count else word
        table.add_column(name, justify="left" if words else "right", no_wrap=column != "why", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
