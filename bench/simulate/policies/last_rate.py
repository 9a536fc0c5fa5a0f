"""The best arm for the rate that the last call had."""

from bench.simulate.policy import DecisionPolicy, Outlook, Taken
from bench.simulate.scenario import Scenario
from edge.policy.decision import Request
from edge.policy.router import Failure
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.costs.cost import BITS_PER_BYTE_MS
from protos.costs.estimates import LinkStates

_FIRST_RATE = 5e6  # bits a second
_MIN_RATE, _MIN_MS = 1e3, 1.0


class LastRatePolicy(DecisionPolicy):
    """Told the true round trip. A call that was given up counts as a rate too; a device that answers alone
    learns nothing more.
    """

    name, rank, words = "last-rate", 6, "the best arm for the rate of the last call, its round trip known"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._rate = _FIRST_RATE

    def decide(self, request: Request, now: float, outlook: Outlook) -> Taken:
        del now, outlook

        link = LinkStates.steady(self._rate, 1000 * self.scenario.round_trip)

        def score(arm: Arm) -> float:
            cost = self.scenario.cost(arm, request.tokens)
            network = cost.asked * link.mean_ms(cost.bytes_up) if arm.remote else 0.0
            return self.score(arm, cost.beside_network + network, cost)

        return Taken(min(self.scenario.arms, key=score))

    def learn(self, taken: Taken, sent: int, network_ms: float, done: pb.Done, now: float) -> None:
        del taken, done, now
        sending = max(network_ms - 1000 * self.scenario.round_trip, _MIN_MS)
        self._rate = max(BITS_PER_BYTE_MS * sent / sending, _MIN_RATE)

    def learn_failure(self, taken: Taken, failure: Failure, now: float) -> None:
        del taken, now
        self._rate = max(BITS_PER_BYTE_MS * failure.sent / max(failure.waited_ms, _MIN_MS), _MIN_RATE)
