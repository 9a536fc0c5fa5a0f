"""What the demonstration measured: plain values, and the figures that follow from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.rig.outcomes import AUTO, REMOTE, Outcome, VisualQuestion
from deploy.demo.agent.agent_record import AgentRecord
from deploy.demo.fleet.fleet_record import FleetRecord


@dataclass(frozen=True)
class Summary:
    """One strategy on one link. Bytes and milliseconds are over the answered requests; None where there are
    none.
    """

    strategy: str
    asked: int
    answered: int
    right: int
    bytes_up: float | None
    median_ms: float | None
    p95_ms: float | None

    @classmethod
    def of(cls, strategy: str, outcomes: Sequence[Outcome]) -> "Summary":
        own = [o for o in outcomes if o.strategy == strategy]
        done = [o for o in own if not o.failure]
        times = [o.milliseconds for o in done]
        right = sum(o.right for o in own)
        if not done:
            return cls(strategy, len(own), 0, right, None, None, None)
        return cls(
            strategy,
            len(own),
            len(done),
            right,
            median(o.bytes_up for o in done),
            median(times),
            nearest_rank(times, 0.95),
        )


@dataclass(frozen=True)
class LinkRun:
    """One link, every strategy on it, and what each arm would have cost at the last decision there."""

    name: str
    words: str
    outcomes: Sequence[Outcome]
    columns: Sequence[str] = ()
    arms: Sequence[Sequence[str]] = ()
    wire_up: int = 0
    wire_down: int = 0
    killed: bool = False

    @property
    def summaries(self) -> list[Summary]:
        return [
            Summary.of(strategy, self.outcomes)
            for strategy in dict.fromkeys(o.strategy for o in self.outcomes)
        ]

    @property
    def orchestrated(self) -> list[Outcome]:
        """What the orchestrator decided freely."""
        return [o for o in self.outcomes if o.strategy in (AUTO, REMOTE)]

    def summary(self, strategy: str) -> Summary | None:
        """A strategy's figures, None where it was not measured."""
        return next((s for s in self.summaries if s.strategy == strategy), None)


@dataclass(frozen=True)
class Record:
    """A whole run. `setting` says where and how it was measured, a label and a value each."""

    model: str
    whole_accuracy: float
    setting: Mapping[str, str]
    links: Sequence[LinkRun]
    warm_up: int = 0
    seconds: float = 0.0
    agent: AgentRecord | None = None
    fleet: FleetRecord | None = None

    @property
    def asked(self) -> list[VisualQuestion]:
        return list({o.asked.name: o.asked for run in self.links for o in run.outcomes}.values())


def nearest_rank(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of the values do not exceed."""
    return sorted(values)[math.ceil(part * len(values)) - 1]


def story(run: LinkRun) -> str:
    """What happened on a link, in a few sentences, from its figures alone."""
    sentences = [
        _summary(run, AUTO, "The orchestrator"),
        _summary(run, REMOTE, "On a device that cannot answer alone it"),
    ]
    if run.killed:
        lost = [f"{s.strategy} {s.asked - s.answered}" for s in run.summaries if s.answered < s.asked]
        sentences = [
            "The cloud was killed half way.",
            *sentences,
            f"Not answered: {', '.join(lost) or 'nothing'}.",
        ]
    return " ".join(filter(None, sentences))


def _summary(run: LinkRun, strategy: str, who: str) -> str:
    """A strategy in a sentence; empty where it was not measured."""
    figures = run.summary(strategy)
    if figures is None:
        return ""
    routes = [o.route for o in run.outcomes if o.strategy == strategy and not o.failure]
    by_route = ", ".join(f"{routes.count(route)} by {route}" for route in dict.fromkeys(routes)) or "none"
    middle = "" if figures.median_ms is None else f", half of them in {figures.median_ms:.0f} ms"
    return f"{who} answered {figures.answered} of {figures.asked}, {figures.right} right{middle}: {by_route}."
