"""One line of the log. It holds times, sizes and names of arms; no question, no picture, no answer."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from typing_extensions import Self

from edge.policy.decision import Predicted
from edge.requests.answer import Answer
from protos.arms.rules import Rules
from protos.costs.estimates import LinkEstimate
from protos.costs.weights import Weights

FORMAT = 1
STAGES = ("head", "encode", "network", "queue", "cloud", "generate", "total_ms", "bytes_up", "joules")
# the stages of an answer (edge/requests/trace.py) that are one of a prediction
_OF_ANSWER = {
    "head": ("head",),
    "encode": ("encode",),
    "network": ("network",),
    "queue": ("queue",),
    "cloud": ("decode", "tail"),
    "generate": ("first_token", "generate"),
    "total_ms": ("total",),
}
_RUNNERS_UP = 5
_SENT = 10_000  # bytes, for which a link's belief is told

Figures = Mapping[str, float]  # by STAGES: milliseconds, bytes, joules


@dataclass(frozen=True)
class Way:
    """What an arm was predicted to take."""

    arm: str
    remote: bool
    score: float  # what was expected of it by the weights; less is better
    predicted: Figures

    @classmethod
    def of(cls, p: Predicted) -> Self:
        return cls(p.name, p.arm.remote, p.score, {name: getattr(p, name) for name in STAGES})


@dataclass(frozen=True)
class Record:
    """One request that was answered."""

    at: str  # UTC
    bundle: str
    chosen: Way
    others: tuple[Way, ...]  # that no rule forbade, the best first
    route: str  # the arm that gave the answer
    real: Figures
    trial: bool
    weights: Figures
    deadline_ms: float | None
    promised: float  # the probability to meet the deadline
    link: Mapping[str, float]  # what was believed of it

    @property
    def as_decided(self) -> bool:
        """Whether the arm that was decided on gave the answer."""
        return self.route == self.chosen.arm

    def line(self) -> str:
        """As JSON, with its end of line."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":")) + "\n"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line. Raises ValueError, KeyError or TypeError for what is none."""
        fields = json.loads(line)
        if fields.pop("format") != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        chosen, others = _way(fields.pop("chosen")), tuple(_way(one) for one in fields.pop("others"))
        record = cls(chosen=chosen, others=others, **fields)
        for figures in (record.real, record.weights, record.link):
            _check(figures)
        limit = record.deadline_ms
        _check({"promised": record.promised, **({} if limit is None else {"deadline_ms": limit})})
        if not isinstance(record.route, str) or not isinstance(record.trial, bool):
            raise TypeError("route or trial is not what it should be")
        return record


def record_of(
    answer: Answer, bundle: str, rules: Rules, weights: Weights, link: LinkEstimate | None, wall: float
) -> Record:
    """The line of an answer; `link` is as it was believed to be before, `wall` the time of day in seconds."""
    decision = answer.decision
    open_to = [p for p in decision.arms if p.allowed and p.name != decision.chosen.name]
    others = sorted(open_to, key=lambda p: p.score)[:_RUNNERS_UP]
    return Record(
        at=datetime.fromtimestamp(wall, timezone.utc).isoformat(timespec="milliseconds"),
        bundle=bundle,
        chosen=Way.of(decision.chosen),
        others=tuple(map(Way.of, others)),
        route=answer.route,
        real=_real(answer),
        trial=decision.trial,
        weights=asdict(weights),
        deadline_ms=rules.deadline_ms,
        promised=decision.chosen.in_time,
        link=_belief(link),
    )


def _real(answer: Answer) -> dict[str, float]:
    taken = {name: math.fsum(answer.stages.get(one, 0.0) for one in of) for name, of in _OF_ANSWER.items()}
    return {**taken, "bytes_up": answer.bytes_up, "joules": answer.joules}


def _belief(link: LinkEstimate | None) -> dict[str, float]:
    """How long an exchange of 10 kB takes: on average, and the middle 80%."""
    if link is None:
        return {}
    states = link.states
    return {
        "sent": _SENT,
        "mean_ms": states.mean_ms(_SENT),
        "low_ms": states.quantile_ms(_SENT, 0.1),
        "high_ms": states.quantile_ms(_SENT, 0.9),
    }


def _way(fields: Mapping[str, Any]) -> Way:
    way = Way(**fields)
    _check({**way.predicted, "score": way.score})
    if not isinstance(way.arm, str) or set(way.predicted) != set(STAGES):
        raise ValueError("a way without its name or its stages")
    return way


def _check(figures: Mapping[str, object]) -> None:
    for name, figure in figures.items():
        if isinstance(figure, bool) or not isinstance(figure, int | float) or not math.isfinite(figure):
            raise ValueError(f"{name} is {figure!r}, not a number")
