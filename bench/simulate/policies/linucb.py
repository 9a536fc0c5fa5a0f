"""A contextual bandit with forced sampling: Autodidactic Neurosurgeon (Zhang et al. 2021, "ANS").

What a call takes is linear in what the arm sends and in what the cloud does with it: theta x. The device's
own part is known. theta is a ridge regression on the calls so far, older ones counting less; the arm of the
lowest bound is taken, and one through the cloud every so often, since answers on the device teach nothing.
"""

import numpy as np
from numpy.typing import NDArray

from bench.simulate.policy import DecisionPolicy, Outlook, Taken
from bench.simulate.scenario import Scenario
from edge.policy.decision import Request
from edge.policy.router import Failure
from protos import inference_pb2 as pb
from protos.arms.arm import Arm

_EXPLORATION_MS = 50.0  # what the bound is wide, beside the design's own
_RIDGE = 1.0
_KEEP = 0.98  # of the past, a call
_FORCED_EVERY = 20


class LinUcbPolicy(DecisionPolicy):
    name, rank, words = "linucb", 7, "a linear bandit with forced sampling (ANS)"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._arms = scenario.arms
        costs = [scenario.cost(arm, 8.0) for arm in self._arms]
        most = max(cost.bytes_up for cost in costs) or 1
        longest = max(cost.entry for cost in costs) or 1.0
        self._scale = np.array([1.0, most, longest])
        self._remote = np.array([arm.remote for arm in self._arms])
        self._asked = np.array([cost.asked for cost in costs])  # the share of requests that call
        self._rows = np.array([self._context(arm) for arm in self._arms])
        # of each arm: what is known beside the call, as a score
        self._known = np.array(
            [self.score(a, a.device_ms(c), c) for a, c in zip(self._arms, costs, strict=True)]
        )
        self._design, self._response = _RIDGE * np.eye(3), np.zeros(3)
        self._count = 0

    def decide(self, request: Request, now: float, outlook: Outlook) -> Taken:
        del request, now, outlook
        self._count += 1
        calls = np.where(self._remote, self._asked * self._calls(), 0.0)
        bounds = self._known + self.scenario.weights.millisecond * calls
        if self._count % _FORCED_EVERY == 0 and self._remote.any():
            bounds = np.where(self._remote, bounds, np.inf)
        return Taken(self._arms[int(bounds.argmin())])

    def learn(self, taken: Taken, sent: int, network_ms: float, done: pb.Done, now: float) -> None:
        del sent, now
        stages = done.stages
        self._observe(
            taken.arm, network_ms + stages.queue + stages.tail + stages.first_token + stages.generate
        )

    def learn_failure(self, taken: Taken, failure: Failure, now: float) -> None:
        del now
        self._observe(taken.arm, failure.waited_ms)

    def _observe(self, arm: Arm, milliseconds: float) -> None:
        row = self._context(arm)
        ridge = (1 - _KEEP) * _RIDGE * np.eye(3)
        self._design = _KEEP * self._design + np.outer(row, row) + ridge
        self._response = _KEEP * self._response + milliseconds * row

    def _context(self, arm: Arm) -> NDArray[np.float64]:
        cost = self.scenario.cost(arm, 8.0)
        return np.asarray([1.0, cost.bytes_up, cost.entry] / self._scale, np.float64)

    def _calls(self) -> NDArray[np.float64]:
        """The lowest time that each arm's call is likely to take, in milliseconds."""
        inverse = np.linalg.inv(self._design)
        expected = self._rows @ (inverse @ self._response)
        width = np.sqrt(np.einsum("ij,jk,ik->i", self._rows, inverse, self._rows))
        return np.asarray(expected - _EXPLORATION_MS * width, np.float64)
