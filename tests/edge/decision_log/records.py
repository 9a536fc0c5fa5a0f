"""Records with plain values."""

from dataclasses import replace

from edge.decision_log.record import STAGES, Record, Way

WEIGHTS = {"millisecond": 1.0, "accuracy_point": 50.0, "kilobyte": 0.0, "joule": 0.0}


def way(arm: str, *, score: float | None = None, **parts: float) -> Way:
    """What was predicted; the total and the score are the sum of the parts, if nothing is said of them."""
    figures = dict.fromkeys(STAGES, 0.0) | parts
    spent = sum(figures[part] for part in ("head", "encode", "network", "queue", "cloud", "generate"))
    figures["total_ms"] = parts.get("total_ms", spent)
    return Way(arm, arm != "local", figures["total_ms"] if score is None else score, figures)


SPLIT = way("split@connector/c", head=20.0, encode=2.0, network=40.0, cloud=10.0, generate=30.0, joules=0.1)
LOCAL = way("local", head=60.0, generate=80.0, joules=0.4)


def record(**fields: object) -> Record:
    """A split that took what was predicted, the local answer coming next."""
    usual = Record(
        at="2026-11-30T12:00:00.000+00:00",
        bundle="3fa9",
        chosen=SPLIT,
        others=(LOCAL,),
        route=SPLIT.arm,
        real=SPLIT.predicted,
        trial=False,
        weights=WEIGHTS,
        deadline_ms=None,
        promised=1.0,
        link={},
    )
    return replace(usual, **fields)  # type: ignore[arg-type]
