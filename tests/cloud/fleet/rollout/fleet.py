"""A fleet of plain values that a rollout is tried on: what every device is, and what it tells."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cloud.fleet.rollout.advance import RolloutStep, advance, begin
from cloud.fleet.rollout.comparison import due_spans
from cloud.fleet.rollout.plan import Guards, Member, RolloutPlan, frozen_cohort
from cloud.fleet.rollout.standings import DeviceSeen
from cloud.fleet.rollout.state import RolloutState
from cloud.fleet.rollout.summary import Span, Summary

HEALTH = 600.0
USUAL = Summary(
    windows=20, answers=1000, failed=3, timed=1000, level=6000.0, bytes=20_000_000, compared=50, agreed=46
)
Told = Callable[[Span, bool], Summary]  # of a span, and whether the device is treated in it


def plan_of(count: int, kinds: int = 1, **fields: object) -> RolloutPlan:
    """Devices `d000`, `d001`, ... in the order of a draw."""
    members = [Member(f"d{number:03}", f"kind {number % kinds}") for number in range(count)]
    options: dict[str, object] = {"health": HEALTH, "guards": Guards(energy=None), **fields}
    return RolloutPlan(cohort=frozen_cohort(members, "salt"), **options)  # type: ignore[arg-type]


def as_usual(span: Span, treated: bool) -> Summary:
    """Devices differ, and one is as it was: some order among them that no treatment changes."""
    grown = (span.start > 0) * sum(map(int, span.device[1:]))
    return with_p95(USUAL, 400.0 + sum(span.device.encode()) + 7 * grown)


def with_p95(summary: Summary, milliseconds: float) -> Summary:
    return summary._replace(level=summary.timed * math.log(milliseconds))


def p95_of(summary: Summary) -> float:
    return math.exp(summary.level / summary.timed)


@dataclass
class Fleet:
    """Devices take what they are told at once, unless they are in `offline` or `refusing`."""

    plan: RolloutPlan
    told: Told = as_usual
    offline: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    trying: bool = False  # they try before they refuse
    treated: set[str] = field(default_factory=set)
    now: float = 0.0
    state: RolloutState = field(default_factory=lambda: begin(0.0))
    heard: dict[str, float] = field(default_factory=dict)

    def step(self, seconds: float = 60.0) -> RolloutStep:
        """Some time later."""
        self.now += seconds
        step = advance(self.plan, self.state, self.seen(), self.summaries(), self.now)
        self.state = step.state
        self.treated |= set(step.treat)
        self.treated -= set(step.restore)
        return step

    def until(self, over: Callable[[RolloutStep], bool], steps: int = 2000) -> RolloutStep:
        """The first step of which it is so."""
        found = (self.step() for _ in range(steps))
        return next(step for step in found if over(step))

    def seen(self) -> dict[str, DeviceSeen]:
        for member in self.plan.cohort:
            if member.device not in self.offline:
                self.heard[member.device] = self.now
        return {
            member.device: DeviceSeen(
                member.device not in self.offline,
                self.heard.get(member.device, 0.0),
                in_force=member.device in self.treated - self.refusing,
                refused="no such cut" if member.device in self.treated & self.refusing else "",
                taken_back=self.trying,
            )
            for member in self.plan.cohort
        }

    def summaries(self) -> dict[Span, Summary]:
        spans: Iterable[Span] = due_spans(self.plan, self.state, self.now)
        return {
            span: self.told(span, span.device in self.treated and span.start > 0)
            if span.device not in self.offline or span.start <= 0
            else Summary()
            for span in spans
        }
