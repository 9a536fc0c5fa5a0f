"""The device's own decisions, by the very code that runs there."""

from collections.abc import Mapping
from random import Random

from bench.simulate.policy import DecisionPolicy, Outlook, Taken
from bench.simulate.scenario import Scenario
from edge.costs.device_times import DeviceTimes
from edge.link.link import Link
from edge.policy.decision import Decision, Request
from edge.policy.router import Failure, Router
from protos import inference_pb2 as pb
from protos.costs.profile import DeviceProfile
from protos.errors import NoRoute


class IsthmusPolicy(DecisionPolicy):
    """It begins with the split's guess of the device and of the cloud, and learns the rest from answers."""

    name, rank, words = "isthmus", 0, "the device's own router, which learns from its answers"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        link = Link(scenario.bundle, jitter=Random(0).random)
        bundle = scenario.bundle
        times = DeviceTimes(DeviceProfile.from_bundle(bundle))
        self._router = Router(bundle.manifest, bundle.measurements, times, link)

    def decide(self, request: Request, now: float, outlook: Outlook) -> Taken | None:
        del outlook
        try:
            decision = self._router.decide(request, now)
        except NoRoute:
            return None
        return Taken(decision.arm, decision)

    def escalated(self, taken: Taken) -> Taken:
        decision = _decision(taken).escalated()
        return Taken(decision.arm, decision)

    def tokens(self, max_tokens: int) -> float:
        return self._router.tokens(max_tokens)

    def patience(
        self, taken: Taken, request: Request, now: float, max_tokens: int, local_ms: float | None
    ) -> float:
        return self._router.patience(
            _decision(taken), request.rules, request.spent_ms, now, max_tokens=max_tokens, local_ms=local_ms
        )

    def begin(self, taken: Taken, sent: int, now: float) -> None:
        self._router.begin(_decision(taken), sent, now)

    def end(self, taken: Taken) -> None:
        self._router.end(_decision(taken))

    def learn(self, taken: Taken, sent: int, network_ms: float, done: pb.Done, now: float) -> None:
        self._router.learn(_decision(taken), sent, network_ms, done, now)

    def learn_device(self, parts: Mapping[str, float], now: float) -> None:
        self._router.learn_device(parts, now)

    def learn_local(self, tokens: int) -> None:
        self._router.learn_local(tokens)

    def learn_failure(self, taken: Taken, failure: Failure, now: float) -> None:
        self._router.learn_failure(_decision(taken), failure, now)


def _decision(taken: Taken) -> Decision:
    if taken.decision is None:
        raise ValueError("the router took no such arm")
    return taken.decision
