"""What came of a run, in numbers."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property

from bench.rig.quantiles import quantile
from bench.simulate.pending import Served


@dataclass(frozen=True)
class Place:
    """Where a case lies in a sweep: the trace, how many times slower the device is, requests a second."""

    trace: str
    device_slower: float
    rate: float

    @property
    def words(self) -> str:
        device = "device as measured" if self.device_slower == 1 else f"device {self.device_slower:g}x slower"
        requests = "a request" if self.rate == 1 else f"{self.rate:g} requests"
        return f"{self.trace}, {device}, {requests} a second"


@dataclass(frozen=True)
class Played:
    """A policy's run. `key` names what stood for it: of the best fixed arm, which that was."""

    policy: str
    key: str
    served: tuple[Served, ...]

    @cached_property
    def score(self) -> float:
        return statistics.fmean(served.score for served in self.served)

    @cached_property
    def milliseconds(self) -> list[float]:
        """Of every request, the fastest first."""
        return sorted(served.total_ms for served in self.served)

    def quantile(self, part: float) -> float:
        """The time that this part of the requests (0 to 1) stays within."""
        return quantile(self.milliseconds, part)


@dataclass(frozen=True)
class PolicySummary:
    """Milliseconds, bytes and joules a request, parts of all requests. `of_oracle`: its mean score against
    the oracle's; `regret_ms`: its mean time less the oracle's.
    """

    policy: str
    stands_for: str
    score: float
    of_oracle: float
    mean_ms: float
    regret_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    missed: float | None
    unanswered: float
    bytes_up: float
    joules: float
    arms: Mapping[str, float]


@dataclass(frozen=True)
class CaseResult:
    """Every policy in one case. `offset`: where in the trace it begins, in seconds."""

    place: Place
    offset: float
    requests: int
    summaries: tuple[PolicySummary, ...]
    played: tuple[Played, ...] = field(repr=False)

    def record(self) -> dict[str, object]:
        """For JSON."""
        policies = [asdict(summary) for summary in self.summaries]
        return {**asdict(self.place), "offset": self.offset, "requests": self.requests, "policies": policies}


@dataclass(frozen=True)
class Overall:
    """One policy over all cases: geometric means of its scores against the oracle's and of its mean times,
    the worst of those scores, and means of the rest.
    """

    policy: str
    of_oracle: float
    worst: float
    mean_ms: float
    missed: float | None
    unanswered: float
    bytes_up: float
    joules: float


def summary(run: Played, oracle: Played, deadline_ms: float | None) -> PolicySummary:
    """A run in numbers, against the oracle's."""
    served, count = run.served, len(run.served)
    mean, best = statistics.fmean(run.milliseconds), statistics.fmean(oracle.milliseconds)
    late = sum(one.total_ms > deadline_ms or not one.answered for one in served) if deadline_ms else 0
    arms = Counter(one.answered or "none" for one in served)
    return PolicySummary(
        policy=run.policy,
        stands_for=run.key if run.key != run.policy else "",
        score=run.score,
        of_oracle=run.score / oracle.score,
        mean_ms=mean,
        regret_ms=mean - best,
        p50_ms=run.quantile(0.5),
        p95_ms=run.quantile(0.95),
        p99_ms=run.quantile(0.99),
        missed=late / count if deadline_ms else None,
        unanswered=sum(not one.answered for one in served) / count,
        bytes_up=statistics.fmean(one.bytes_up for one in served),
        joules=statistics.fmean(one.joules for one in served),
        arms={name: number / count for name, number in arms.most_common()},
    )


def overall(cases: Sequence[CaseResult]) -> list[Overall]:
    """Every policy over the cases in which it was played."""
    by_policy: dict[str, list[PolicySummary]] = {}
    for case in cases:
        for one in case.summaries:
            by_policy.setdefault(one.policy, []).append(one)
    return [_overall(name, found) for name, found in by_policy.items()]


def _overall(policy: str, found: Sequence[PolicySummary]) -> Overall:
    missed = [one.missed for one in found if one.missed is not None]
    return Overall(
        policy,
        of_oracle=statistics.geometric_mean(one.of_oracle for one in found),
        worst=max(one.of_oracle for one in found),
        mean_ms=statistics.geometric_mean(one.mean_ms for one in found),
        missed=statistics.fmean(missed) if missed else None,
        unanswered=statistics.fmean(one.unanswered for one in found),
        bytes_up=statistics.fmean(one.bytes_up for one in found),
        joules=statistics.fmean(one.joules for one in found),
    )


@dataclass(frozen=True)
class Checked:
    """Mean and median milliseconds of the same requests, played and simulated, and how far the simulated mean
    is off, in parts of the played one.
    """

    route: str
    requests: int
    played_ms: float
    simulated_ms: float
    played_p50_ms: float
    simulated_p50_ms: float

    @property
    def off(self) -> float:
        return self.simulated_ms / self.played_ms - 1
