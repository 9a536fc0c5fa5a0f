"""One rollout: a candidate beside a stable version, its evidence, and what follows of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud.rollout.assignment import is_assigned
from cloud.rollout.canary import Bounds, Judgement, Verdict, judge
from cloud.rollout.tally import Pair, Tally

_log = logging.getLogger(__name__)
STEPS = (0.01, 0.1, 0.5, 1.0)  # shares of the devices, where the share follows the verdict

StageTimes = Mapping[str, float]  # milliseconds, by the names of ip.Stages


@dataclass
class Rollout:
    """Belongs to the event loop. Devices are drawn by the candidate's digest, so that every service draws the
    same ones.
    """

    stable: str
    candidate: str
    cuts: frozenset[str]  # at which both can be given the same request
    bounds: Bounds = field(default_factory=Bounds)
    share: float = 0.0
    shadow: float = 0.0
    automatic: bool = False
    tally: Tally = field(default_factory=Tally)  # of all pairs
    since: Tally = field(default_factory=Tally)  # of those since the share was changed
    stable_times: dict[str, float] = field(default_factory=dict)  # sums
    candidate_times: dict[str, float] = field(default_factory=dict)
    interrupted: int = 0
    rolled_back: bool = False

    def recommended(self, device: str) -> str:
        """The digest of the version that a device should work with."""
        return self.candidate if is_assigned(device, self.candidate, self.share) else self.stable

    def set_share(self, share: float) -> None:
        """Of the devices. What is known of a share's health is to be known anew of the next."""
        if share != self.share:
            self.share, self.since = share, Tally()

    def set_bounds(self, bounds: Bounds) -> None:
        """Begin anew, if they are others: evidence is against the bounds that it was gathered for."""
        if bounds != self.bounds:
            self.bounds, self.rolled_back = bounds, False
            self.tally = self.since = Tally()
            self.stable_times, self.candidate_times = {}, {}

    @property
    def judgement(self) -> Judgement:
        """Harm is judged by all pairs, and stays; health by those since the last step."""
        harmed, healthy = judge(self.tally, self.bounds), judge(self.since, self.bounds)
        findings = [
            healthy.findings[place]._replace(harm=found.harm) for place, found in enumerate(harmed.findings)
        ]
        if self.rolled_back or harmed.verdict is Verdict.ROLL_BACK:
            return Judgement(Verdict.ROLL_BACK, findings)
        advances = healthy.verdict is Verdict.ADVANCE
        return Judgement(Verdict.ADVANCE if advances else Verdict.HOLD, findings)

    def take(self, pair: Pair, stable: StageTimes, candidate: StageTimes) -> None:
        """Count a pair, and follow the verdict."""
        self.tally = self.tally.add(pair, self.bounds.log_slowdown)
        self.since = self.since.add(pair, self.bounds.log_slowdown)
        if not (pair.stable_failed or pair.candidate_failed):
            _add(self.stable_times, stable)
            _add(self.candidate_times, candidate)
        self._follow(self.judgement.verdict)

    def _follow(self, verdict: Verdict) -> None:
        if verdict is Verdict.ROLL_BACK and not self.rolled_back:
            self.rolled_back = True
            _log.error("candidate %s is worse than it may be: roll it back", self.candidate[:12])
        if not self.automatic:
            return
        if verdict is Verdict.ROLL_BACK:
            self.set_share(0.0)
        elif verdict is Verdict.ADVANCE and self.share < STEPS[-1]:
            self.set_share(next(step for step in STEPS if step > self.share))
            _log.warning("candidate %s goes to %g%% of the devices", self.candidate[:12], 100 * self.share)


def _add(sums: dict[str, float], times: StageTimes) -> None:
    for stage, milliseconds in times.items():
        sums[stage] = sums.get(stage, 0.0) + milliseconds
