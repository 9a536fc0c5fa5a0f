"""How an agent got through each fault, and what it took to answer for long, as tables."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, Self

from bench.rig.console import plain_table, print_notes, wide_console
from tests.chaos.ledger import Ledger

_KINDS = ("local", "split", "upload", "other")
_COUNTS = ("asked", *_KINDS, "deferred", "refused", "lost", "doubled")
_NOTES = (
    "asked: questions, a fifth of them pictures for a source whose question may wait.",
    "local, split, upload: answers by these ways. deferred: kept in the outbox first.",
    "refused: told so, with a reason; what the outbox did not keep too. lost: none of these.",
    "doubled: ended more than once. recovery: from the fault's end to the first answer of what had failed.",
)


class Outcome(NamedTuple):
    """What became of the questions that were asked before, in and after a fault."""

    fault: str
    seconds: float
    asked: int
    answered: Counter[str]
    deferred: int
    refused: Counter[str]
    lost: int
    doubled: int
    recovery: float

    @classmethod
    def of(cls, fault: str, seconds: float, ledger: Ledger, recovery: float, *, twice: int) -> Self:
        """`twice`: answers that the agent told of more than applications got."""
        found = (
            ledger.answered,
            len(ledger.deferred),
            ledger.refused,
            ledger.lost,
            ledger.doubled + abs(twice),
        )
        return cls(fault, seconds, ledger.asked, *found, recovery)


class Mark(NamedTuple):
    """What an agent takes of the machine after so many more questions. `resident`: bytes, the least
    since the half of them.
    """

    questions: int
    answered: Counter[str]
    refused: Counter[str]
    resident: int
    descriptors: int
    threads: int


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    table = plain_table("What became of every question", padding=2)
    table.add_column("fault")
    for head in ("for", *_COUNTS, "recovery"):
        table.add_column(head, justify="right")
    table.add_column("refused as")
    for one in outcomes:
        answered = [one.answered[kind] for kind in _KINDS]
        counts = [one.asked, *answered, one.deferred, one.refused.total(), one.lost, one.doubled]
        recovery = f"{one.recovery:.1f} s"
        table.add_row(one.fault, f"{one.seconds:g} s", *map(str, counts), recovery, _reasons(one.refused))
    console = wide_console()
    console.print(table)
    print_notes(console, _NOTES)


def print_marks(marks: Sequence[Mark]) -> None:
    table = plain_table("What the agent takes of the machine", padding=2)
    for head in ("questions", *_KINDS, "refused", "memory", "descriptors", "threads"):
        table.add_column(head, justify="right")
    for questions, mark in zip(accumulate(mark.questions for mark in marks), marks, strict=True):
        counts = [questions, *(mark.answered[kind] for kind in _KINDS), mark.refused.total()]
        memory = f"{mark.resident / 1e6:.1f} MB"
        table.add_row(*map(str, counts), memory, str(mark.descriptors), str(mark.threads))
    wide_console().print(table)


def _reasons(refused: Counter[str]) -> str:
    return ", ".join(f"{code} {count}" for code, count in sorted(refused.items()))
