"""A decision as rows of text."""

from edge.policy.decision import CHOSEN, Decision, Predicted

COLUMNS = ("way", "ms", "head", "net", "cloud", "words", "bytes", "right", "why")


def explain(decision: Decision) -> list[tuple[str, ...]]:
    """A row for each arm under COLUMNS, the best first.

    Milliseconds: in all, of head and coder, of the network, of the cloud's queue and tail, of generating the
    answer. Then bytes up, answers right in the report, and why the arm lost.
    """
    return [_row(p) for p in _ranked(decision)]


def verdicts(decision: Decision) -> dict[str, str]:
    """Why each arm was chosen or lost, by its name, the best first."""
    return {p.arm.name: p.verdict for p in _ranked(decision)}


def _ranked(decision: Decision) -> list[Predicted]:
    return sorted(decision.arms, key=lambda p: (p.verdict != CHOSEN, p.score))


def _row(p: Predicted) -> tuple[str, ...]:
    times = (p.total_ms, p.head + p.encode, p.network, p.queue + p.cloud, p.generate)
    shown = (f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" for ms in times)
    return p.arm.name, *shown, str(p.bytes_up), f"{p.accuracy:.1f}%", p.verdict
