"""A decision as a sentence, and as rows of text."""

import re

from edge.policy.decision import CHOSEN, Decision, Predicted
from protos.measurements import accuracy_word
from protos.terminal.units import format_accuracy, format_size, format_time

ACCURACY = "accuracy"  # the column that is headed by what accuracies are of
COLUMNS = ("way", "ms", "bytes", "J", ACCURACY, "why", "head", "net", "cloud", "words")
_FEW = 6  # rows that matter, of what may be dozens
_NUMBER = re.compile(r"[\d.]+")


def sentence(decision: Decision) -> str:
    """What was chosen, what it costs, and what came next, and lost."""
    chosen, *others = _ranked(decision)
    told = (
        f"{chosen.name} was chosen among {len(others) + 1}: {format_time(chosen.total_ms)}, "
        f"{chosen.accuracy:.1f}% {accuracy_word(decision.measure)}, {format_size(chosen.bytes_up)} up"
    )
    if decision.late:
        told = f"no way is fast enough; {told}"
    return f"{told}; next, {others[0].name}: {others[0].verdict}" if others else told


def explain(decision: Decision, *, few: bool = False) -> list[tuple[str, ...]]:
    """A row for each arm under COLUMNS, the best score first; `few`: only those that matter, which are the
    chosen, the best of each kind, and the best that lost for each reason.

    Milliseconds in all, bytes up, joules of the device, accuracy in the report with its 95% interval,
    and why the arm lost; then milliseconds of head and coder, of the network, of the cloud's queue and tail,
    of generating the answer.
    """
    ranked = _ranked(decision)
    return [_row(p) for p in (_that_matter(ranked) if few else ranked)]


def _that_matter(ranked: list[Predicted]) -> list[Predicted]:
    kinds = {p.arm.kind: p for p in reversed(ranked)}
    reasons = {_NUMBER.sub("", p.verdict): p for p in reversed(ranked)}
    shown: dict[str, Predicted] = {}
    for p in (ranked[0], *kinds.values(), *reversed(reasons.values())):
        if len(shown) < _FEW:
            shown[p.name] = p
    return [p for p in ranked if p.name in shown]


def verdicts(decision: Decision) -> dict[str, str]:
    """Why each arm was chosen or lost, by its name, the best first."""
    return {p.name: p.verdict for p in _ranked(decision)}


def _ranked(decision: Decision) -> list[Predicted]:
    return sorted(decision.arms, key=lambda p: (p.verdict != CHOSEN, p.score))


def _row(p: Predicted) -> tuple[str, ...]:
    total, *parts = map(_ms, (p.total_ms, p.head + p.encode, p.network, p.queue + p.cloud, p.generate))
    accuracy = format_accuracy(p.accuracy, p.arm.accuracy_low, p.arm.accuracy_high)
    return p.name, total, str(p.bytes_up), f"{p.joules:.2f}", accuracy, p.verdict, *parts


def _ms(time: float) -> str:
    return f"{time:.0f}" if time >= 100 else f"{time:.1f}"
