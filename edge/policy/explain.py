"""A decision as a sentence, and as rows of text."""

from edge.policy.decision import CHOSEN, Decision, Predicted
from protos.measurements import accuracy_word
from protos.terminal.units import format_accuracy, format_size, format_time

ACCURACY = "accuracy"  # the column that is headed by what accuracies are of
COLUMNS = ("way", "ms", "bytes", ACCURACY, "why", "head", "net", "cloud", "words")


def sentence(decision: Decision) -> str:
    """What was chosen, what it costs, and what came next, and lost."""
    chosen, *others = _ranked(decision)
    told = (
        f"{chosen.arm.name} was chosen among {len(others) + 1}: {format_time(chosen.total_ms)}, "
        f"{chosen.accuracy:.1f}% {accuracy_word(decision.measure)}, {format_size(chosen.bytes_up)} up"
    )
    if decision.late:
        told = f"no way is fast enough; {told}"
    return f"{told}; next, {others[0].arm.name}: {others[0].verdict}" if others else told


def explain(decision: Decision) -> list[tuple[str, ...]]:
    """A row for each arm under COLUMNS, the best score first.

    Milliseconds in all, bytes up, accuracy in the report with its 95% interval, and why the arm lost; then
    milliseconds of head and coder, of the network, of the cloud's queue and tail, of generating the answer.
    """
    return [_row(p) for p in _ranked(decision)]


def verdicts(decision: Decision) -> dict[str, str]:
    """Why each arm was chosen or lost, by its name, the best first."""
    return {p.arm.name: p.verdict for p in _ranked(decision)}


def _ranked(decision: Decision) -> list[Predicted]:
    return sorted(decision.arms, key=lambda p: (p.verdict != CHOSEN, p.score))


def _row(p: Predicted) -> tuple[str, ...]:
    total, *parts = map(_ms, (p.total_ms, p.head + p.encode, p.network, p.queue + p.cloud, p.generate))
    accuracy = format_accuracy(p.accuracy, p.arm.accuracy_low, p.arm.accuracy_high)
    return p.arm.name, total, str(p.bytes_up), accuracy, p.verdict, *parts


def _ms(time: float) -> str:
    return f"{time:.0f}" if time >= 100 else f"{time:.1f}"
