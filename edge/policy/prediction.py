"""What a request would cost by each arm: a distribution of its time, bytes, energy, and the score of them."""

from dataclasses import dataclass, replace
from functools import cached_property

from edge.policy.decision import KnownCloud, Predicted, Request
from protos.arms.arm import Arm, Situation
from protos.costs.cost import Cost, Workload
from protos.costs.crowding import delay_of_others
from protos.costs.estimates import NO_LINK, CloudEstimate, LinkStates
from protos.costs.power import Power
from protos.costs.profile import DeviceProfile

_HOPEFUL = 0.1  # the quantile that a link is hoped to be at
_NO_CLOUD = CloudEstimate({}, 0.0, 0.0)


@dataclass(frozen=True)
class Predictor:
    """What a request would cost by each arm."""

    request: Request
    device: DeviceProfile
    known: KnownCloud | None  # None: by the device alone
    workload: Workload
    power: Power
    open_way: bool = False  # to this cloud, or another

    @property
    def cloud_name(self) -> str:
        return self.known.name if self.known else ""

    @property
    def cloud(self) -> CloudEstimate:
        """What the cloud takes."""
        return self.known.cloud if self.known else _NO_CLOUD

    @property
    def states(self) -> LinkStates:
        """What the link may be."""
        return self.known.link.states if self.known else NO_LINK

    def forbidden(self, arm: Arm) -> str:
        """Why a rule, other than the deadline, forbids it; empty if none does."""
        if self.known and self.known.name in self.request.failed:
            return "this request failed there"
        outage = self.known.link.outage if self.known and self.open_way else ""
        return arm.forbidden(self._situation) or outage

    @cached_property
    def _situation(self) -> Situation:
        link = self.known.link if self.known else None
        return Situation(self.request.rules, link, self.request.local_unavailable_reason, self.device)

    @cached_property
    def backlog_ms(self) -> float:
        """What is before a newcomer on the link."""
        return self.states.backlog_ms

    def arm(self, arm: Arm) -> Predicted:
        sized = replace(arm, mean_bytes=arm.mean_bytes * self.request.sizes.get(arm.payload, 1.0))
        cost = sized.cost(self.device, self.cloud, self.workload)
        cost = replace(cost, head=max(cost.head - self._spared_ms(arm), 0.0))
        states, here = self.states, arm.device_ms(cost)
        there, network = cost.beside_network - here, states.mean_ms(cost.bytes_up)
        total = self.request.spent_ms + cost.total_ms(network)
        sending = cost.asked * (network - states.mean_ms(0)) if cost.bytes_up else 0.0
        delay = delay_of_others(here, self.request.rate, self.request.spent_ms)
        delay += delay_of_others(sending, self.request.call_rate, self.backlog_ms)
        joules = self._joules(arm, here, total, round(cost.mean_bytes))
        score = self.request.weights.score(total + delay, arm.loss, cost.mean_bytes, joules)
        return Predicted(
            arm=arm,
            head=cost.head,
            encode=cost.asked * cost.encode,
            network=cost.asked * network,
            queue=cost.asked * cost.queue,
            cloud=cost.asked * cost.entry,
            generate=cost.local + cost.asked * cost.generate,
            total_ms=total,
            bytes_up=round(cost.mean_bytes),
            accuracy=arm.accuracy,
            score=score,
            in_time=self._in_time(states, cost, here * self.device.doubt + there * self.cloud.doubt),
            joules=joules,
            busy_ms=here,
            cloud_name=self.cloud_name,
        )

    def hopeful(self, p: Predicted) -> float:
        """The score, if what is not known well is as good as it may be."""
        there = p.total_ms - self.request.spent_ms - p.busy_ms - p.network
        gained = p.busy_ms * _gain(self.device.doubt) + there * _gain(self.cloud.doubt)
        if p.arm.remote:
            best = self.states.quantile_ms(p.bytes_up, _HOPEFUL)
            gained += p.network * max(1 - best / self.states.mean_ms(p.bytes_up), 0.0)
        return p.score - self.request.weights.millisecond * gained

    def _spared_ms(self, arm: Arm) -> float:
        """Of the head on its way to an arm's cut, what has been run for this picture already."""
        names = list(self.device.pieces)
        way = names[: names.index(arm.cut) + 1] if arm.cut in names else names
        reached = next((name for name in reversed(way) if name in self.request.reached), None)
        return self.request.tiles * self.device.head_ms(reached) if reached else 0.0

    def _joules(self, arm: Arm, here: float, total: float, size: int) -> float:
        busy = self.request.spent_ms + here
        return self.power.joules(busy, total - busy, size, remote=arm.remote)

    def _in_time(self, states: LinkStates, cost: Cost, spread_ms: float) -> float:
        limit = self.request.rules.deadline_ms
        if limit is None:
            return 1.0
        left = limit - self.request.spent_ms - replace(cost, asked=1.0).beside_network
        asked = states.within(cost.bytes_up, left, spread_ms)
        if cost.asked == 1:
            return asked
        alone = limit - self.request.spent_ms - cost.head - cost.local
        return (1 - cost.asked) * NO_LINK.within(0, alone, spread_ms) + cost.asked * asked


def _gain(doubt: float) -> float:
    """The part of a time that would be saved if it were one standard deviation better than believed."""
    return doubt / (1 + doubt)
