"""Policies that take one arm, always."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self

from bench.simulate.policy import DecisionPolicy, Outlook, Taken
from bench.simulate.scenario import Scenario
from edge.policy.decision import Request
from protos.arms.arm import Arm
from protos.costs.estimates import LinkStates


class _Fixed(DecisionPolicy):
    """Always the same arm."""

    def __init__(self, scenario: Scenario, arm: Arm) -> None:
        super().__init__(scenario)
        self._taken = Taken(arm)

    @classmethod
    def candidates(cls, scenario: Scenario) -> Sequence[Self]:
        return [cls(scenario, arm) for arm in cls.among(scenario)]

    @classmethod
    @abstractmethod
    def among(cls, scenario: Scenario) -> Iterable[Arm]:
        """The arms of which the best, seen afterwards, is taken."""

    @property
    def key(self) -> str:
        return self._taken.arm.name

    def decide(self, request: Request, now: float, outlook: Outlook) -> Taken:
        del request, now, outlook
        return self._taken


class LocalPolicy(_Fixed):
    """The device alone."""

    name, rank, words = "local", 1, "always on the device"

    @classmethod
    def among(cls, scenario: Scenario) -> Iterable[Arm]:
        return [scenario.local] if scenario.local else []


class UploadPolicy(_Fixed):
    """The picture, as most would send it: the fewest bytes of those that are accurate enough."""

    name, rank, words = "upload", 2, "always the picture, in the accurate format of the fewest bytes"

    @classmethod
    def among(cls, scenario: Scenario) -> Iterable[Arm]:
        uploads = _of_kind(scenario, "upload")
        return sorted(uploads, key=lambda arm: arm.mean_bytes)[:1]


class BestUploadPolicy(_Fixed):
    """The picture, in the format that is the best afterwards."""

    name, rank, words = "best-upload", 3, "always the picture, in the format that was best, seen afterwards"

    @classmethod
    def among(cls, scenario: Scenario) -> Iterable[Arm]:
        return _of_kind(scenario, "upload")


class MeanRatePolicy(_Fixed):
    """Neurosurgeon (Kang et al. 2017), told the true mean of the link."""

    name, rank, words = "mean-rate", 4, "the best arm for the link's true mean rate (Neurosurgeon), always"

    @classmethod
    def among(cls, scenario: Scenario) -> Iterable[Arm]:
        def score(arm: Arm) -> float:
            cost = scenario.cost(arm, 8.0)
            link = LinkStates.steady(scenario.mean_rate, 1000 * scenario.round_trip)
            network = cost.asked * link.mean_ms(cost.bytes_up) if arm.remote else 0.0
            joules = scenario.joules(arm, cost)
            return scenario.score(cost.beside_network + network, arm.loss, cost.mean_bytes, joules)

        return [min(scenario.arms, key=score)]


class BestFixedPolicy(_Fixed):
    """Whatever arm is the best afterwards."""

    name, rank, words = "best-fixed", 5, "one arm for all requests, the best seen afterwards"

    @classmethod
    def among(cls, scenario: Scenario) -> Iterable[Arm]:
        merits = {arm: _merits(scenario, arm) for arm in scenario.arms}
        return [
            arm
            for arm, mine in merits.items()
            if not any(theirs != mine and _as_good(theirs, mine) for theirs in merits.values())
        ]


def _of_kind(scenario: Scenario, kind: str) -> list[Arm]:
    return [arm for arm in scenario.arms if arm.kind == kind]


def _merits(scenario: Scenario, arm: Arm) -> tuple[float, ...]:
    """What is the less the better whatever the link: work on the device, work in the cloud, bytes, loss."""
    cost = scenario.cost(arm, 8.0)
    there = cost.asked * (cost.entry + cost.generate) if arm.remote else 0.0
    return arm.device_ms(cost), there, cost.mean_bytes, arm.loss


def _as_good(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
