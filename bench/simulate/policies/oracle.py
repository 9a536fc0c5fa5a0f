"""What could be had at best by who knows the future of the link, request by request."""

from collections.abc import Sequence
from typing import Self

from bench.simulate.policy import DecisionPolicy, Outlook, Taken
from bench.simulate.scenario import Scenario
from edge.policy.decision import Request
from protos.arms.arm import Arm


class OraclePolicy(DecisionPolicy):
    """Myopic: for each request, as they come, the arm whose answer scores best, given the exact future of the
    link and what waits. It does not spare a later request's time; of arms that are as good it takes the one
    of the fewest bytes, also where none would bring an answer.
    """

    name, rank, words = "oracle", 8, "for each request the arm that scores best, given the link's future"

    def decide(self, request: Request, now: float, outlook: Outlook) -> Taken:
        del now
        merits = {arm: self._merit(arm, request, outlook(arm)) for arm in self.scenario.arms}
        return Taken(min(self.scenario.arms, key=lambda arm: merits[arm]))

    def patience(
        self, taken: Taken, request: Request, now: float, max_tokens: int, local_ms: float | None
    ) -> float:
        del taken, request, now, local_ms
        return self.longest_call(max_tokens)

    def _merit(self, arm: Arm, request: Request, seconds: float | None) -> tuple[float, ...]:
        cost = self.scenario.cost(arm, request.tokens)
        total = None if seconds is None else request.spent_ms + 1000 * seconds
        return self.score(arm, total, cost), cost.mean_bytes


class DeadlineOraclePolicy(OraclePolicy):
    """The same, but an answer in time comes before all else."""

    name, rank, words = "deadline-oracle", 9, "the same, but an answer in time comes before a better score"

    @classmethod
    def candidates(cls, scenario: Scenario) -> Sequence[Self]:
        return [cls(scenario)] if scenario.rules.deadline_ms else []

    def _merit(self, arm: Arm, request: Request, seconds: float | None) -> tuple[float, ...]:
        limit = request.rules.deadline_ms
        total = None if seconds is None else request.spent_ms + 1000 * seconds
        missed = limit is not None and (total is None or total > limit)
        return (float(missed), *super()._merit(arm, request, seconds))
