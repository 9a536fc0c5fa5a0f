"""What decides in a simulation: the device's own router, or a rival. All see requests in the same words."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from bench.simulate.scenario import UNANSWERED_MS, Scenario
from edge.policy.decision import Decision, Request
from edge.policy.router import NETWORK_SECONDS, Failure
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.costs.cost import Cost
from protos.costs.estimates import LONGEST_MS

Outlook = Callable[[Arm], float | None]  # seconds from now until an arm's answer, None where none would come


@dataclass(frozen=True)
class Taken:
    """The arm that was taken; `decision` where the router took it."""

    arm: Arm
    decision: Decision | None = None


class DecisionPolicy(ABC):
    """One device's policy, fresh at the start of a run. Times are in milliseconds, instants in seconds."""

    name: ClassVar[str]
    rank: ClassVar[int]  # where tables list it
    words: ClassVar[str]  # what it is, for a reader

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    @classmethod
    def candidates(cls, scenario: Scenario) -> Sequence[Self]:
        """Those of which the best, seen afterwards, stands for all; none where the bundle offers none."""
        return [cls(scenario)]

    @property
    def key(self) -> str:
        """Policies of one key decide alike."""
        return self.name

    @abstractmethod
    def decide(self, request: Request, now: float, outlook: Outlook) -> Taken | None:
        """The arm for a request; None where there is none now. `outlook` is for oracles alone."""

    def escalated(self, taken: Taken) -> Taken:
        """How the cloud is asked where the device has answered first and is not sure."""
        return Taken(self.scenario.escalated(taken.arm))

    def tokens(self, max_tokens: int) -> float:
        """How long an answer is likely to be."""
        return min(8.0, max_tokens)

    def patience(
        self, taken: Taken, request: Request, now: float, max_tokens: int, local_ms: float | None
    ) -> float:
        """Seconds that a call may take. Raises DeadlineError."""
        del taken, now
        limit = request.rules.deadline_ms
        left = None if limit is None or local_ms is None else limit - request.spent_ms - local_ms
        if left is not None and left > 0:
            return left / 1000
        return self.longest_call(max_tokens)

    def longest_call(self, max_tokens: int) -> float:
        """Seconds, where no deadline ends it before. A late answer is worth more than none, though not more
        than one of the device.
        """
        longest = NETWORK_SECONDS if self.scenario.local else LONGEST_MS / 1000
        return longest + 2 * max_tokens * self.scenario.cloud.token_ms / 1000

    def begin(self, taken: Taken, sent: int, now: float) -> None:
        """A call begins."""
        del taken, sent, now

    def end(self, taken: Taken) -> None:
        """It is over, however it ended."""
        del taken

    def learn(self, taken: Taken, sent: int, network_ms: float, done: pb.Done, now: float) -> None:
        """A call was answered."""
        del taken, sent, network_ms, done, now

    def learn_device(self, parts: Mapping[str, float], now: float) -> None:
        """The device's own parts took so long, by their names in its profile."""
        del parts, now

    def learn_local(self, tokens: int) -> None:
        """The device answered."""
        del tokens

    def learn_failure(self, taken: Taken, failure: Failure, now: float) -> None:
        """A call brought no answer."""
        del taken, failure, now

    def score(self, arm: Arm, total_ms: float | None, cost: Cost) -> float:
        """The objective of an arm that takes so long; None: that brings no answer, whichever it is."""
        if total_ms is None:
            return self.scenario.score(UNANSWERED_MS, 0.0, 0.0, 0.0)
        return self.scenario.score(total_ms, arm.loss, cost.mean_bytes, self.scenario.joules(arm, cost))
