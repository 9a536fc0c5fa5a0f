"""Which way each request of a device goes, and what the device learns of every way: the decision, how long a
call may take, and what came of it. No clock, no socket, no thread: time is handed in.

The orchestrator acts by it, and so does the simulator.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.costs.device_times import DeviceTimes
from edge.costs.factors import SIZES, Factors
from edge.link.link import Link
from edge.link.uplink import UnderWay
from edge.policy.arrivals import ArrivalRate
from edge.policy.decision import Decision, KnownCloud, Request
from edge.policy.policy import decide
from edge.policy.trials import TRIALS, Trials
from protos import bundle_pb2 as bp
from protos import inference_pb2 as pb
from protos.arms import arms_of
from protos.arms.arm import Arm
from protos.arms.rules import AUTO, Rules
from protos.costs.crowding import delay_of_others
from protos.errors import CloudBusy, CloudError, DeadlineError, IsthmusError, UnusableCloud, WrongBundle

NETWORK_SECONDS = 10.0  # what a call may take beside the tokens it makes, where nothing says more or less
_SLOWER = 3.0  # times what is usual: by then something is wrong
_LEAST_PATIENCE_MS = 1000.0  # where no deadline presses
_LEAST_SILENCE_MS = 2000.0  # of a call whose connection counts as lost: what a busy cloud may be silent for
_MAX_FRAMES = 256
_LASTING = (WrongBundle, UnusableCloud)
_REASONS: dict[type[IsthmusError], str] = {
    WrongBundle: "cloud serves another bundle",
    CloudBusy: "cloud busy",
}


@dataclass(frozen=True)
class Failure:
    """A call that brought no answer: the bytes of it that left the device, at most; how long it was waited
    for; whether anything came back.
    """

    error: IsthmusError
    sent: int
    waited_ms: float
    replied: bool = False


class Router:
    """`now` is any monotonic clock in seconds, the same for all calls and for the `link`."""

    def __init__(
        self,
        manifest: bp.Manifest,
        measured: bp.Measurements,
        device: DeviceTimes,
        links: Link | Mapping[str, Link],
        *,
        remote: bool = True,
        network_seconds: float = NETWORK_SECONDS,
        trials: float = TRIALS,
    ) -> None:
        """`links`: to the cloud, or to each of several, by name. `remote`: there is one; `trials`: the share
        of requests that may try what is not known well.
        """
        self._manifest, self._measured, self._device = manifest, measured, device
        self._links = {"": links} if isinstance(links, Link) else dict(links)
        self._remote, self._network_seconds = remote, network_seconds
        self._trials, self._requests, self._calls = Trials(trials), ArrivalRate(), ArrivalRate()
        self._mean_bytes = {arm.name: arm.mean_bytes for arm in arms_of(manifest, measured, remote=remote)}
        self._sizes = Factors(list(self._mean_bytes), SIZES)
        # frame digest: which cloud keeps it, and the accuracy of what it keeps
        self._cached: OrderedDict[str, tuple[str, float]] = OrderedDict()
        # by cloud, and the decision that began it
        self._under_way: dict[str, dict[int, UnderWay]] = {name: {} for name in self._links}
        self._last_arm: str | None = None

    def decide(self, request: Request, now: float) -> Decision:
        """The arm to take. Raises UnknownName, NoRoute."""
        self._requests.arrived(now - request.spent_ms / 1000)
        sizes = {name: self._sizes.factor(name, now).median for name in self._mean_bytes}
        free = request.rules.route == AUTO
        decision = decide(
            replace(request, sizes=sizes, rate=self._requests.mean, call_rate=self._calls.mean),
            self._device.profile(now),
            self._clouds(now) if self._remote else (),
            self._manifest,
            self._measured,
            last=self._last_arm,
            trial=free and not any(self._under_way.values()) and self._trials.due(),
            power=self._device.power(now),
        )
        self._trials.count(decision.trial)
        if free and not decision.trial:
            self._last_arm = decision.chosen.name
        return decision

    def _clouds(self, now: float) -> list[KnownCloud]:
        return [
            KnownCloud(link.snapshot(now, list(self._under_way[name].values())), link.cloud(now), name)
            for name, link in self._links.items()
        ]

    def patience(
        self,
        decision: Decision,
        rules: Rules,
        spent_ms: float,
        now: float,
        *,
        max_tokens: int,
        local_ms: float | None,
        hedged: bool = False,
    ) -> float:
        """Seconds that the call may take. `local_ms`: what a local answer would take, None where none may
        stand in; `hedged`: it begins while the call goes on.

        Where the deadline leaves time for a local answer afterwards, that time is kept; where only the call
        can be in time, it has all that is left. Else waiting longer than usual costs at most as much again as
        a local answer would, to this request and to others that wait for the device (the rent of the
        ski-rental problem, Karlin et al. 1988). Without a local answer one that comes late is worth more than
        none.
        """
        chosen = decision.chosen
        slow, working = decision.states.slow_ms(chosen.bytes_up), chosen.working_ms
        answer = 2 * max_tokens * self._of(decision).cloud(now).token_ms
        longest = max(1000 * self._network_seconds, _SLOWER * slow) + answer
        if local_ms is None:
            return longest / 1000
        left = math.inf if rules.deadline_ms is None else rules.deadline_ms - spent_ms
        expected = chosen.network + working
        if hedged:
            allowed = left
        elif rules.deadline_ms is not None and left - local_ms >= expected:
            allowed = left - local_ms
        elif rules.deadline_ms is not None and left >= expected:
            allowed = left
        else:
            price = local_ms + delay_of_others(local_ms, self._requests.mean, spent_ms)
            allowed = max(slow + _SLOWER * working + price, _LEAST_PATIENCE_MS) + answer
        return min(allowed, longest) / 1000

    def silence_seconds(self, decision: Decision, seconds: float) -> float | None:
        """How long a call may go without any reply before its connection counts as lost, where it may take
        `seconds` in all; None where that leaves no time for another try.
        """
        chosen = decision.chosen
        slow = decision.states.slow_ms(chosen.bytes_up)
        silence = max(_SLOWER * (slow + chosen.working_ms), _LEAST_SILENCE_MS) / 1000
        return silence if silence + (slow + chosen.working_ms) / 1000 <= seconds else None

    def begin(self, decision: Decision, sent: int, now: float) -> None:
        """The call that a decision led to begins, with so many bytes."""
        self._calls.arrived(now)
        exchange = UnderWay(sent, now, decision.chosen.working_ms)
        self._under_way[decision.chosen.cloud_name][id(decision)] = exchange

    def end(self, decision: Decision) -> None:
        """That call is over, however it ended."""
        self._under_way[decision.chosen.cloud_name].pop(id(decision), None)

    @property
    def calls(self) -> int:
        """How many calls to clouds are under way."""
        return sum(map(len, self._under_way.values()))

    def hedge_after_ms(
        self, decision: Decision, rules: Rules, spent_ms: float, local_ms: float | None, now: float
    ) -> float | None:
        """When the device is to begin an answer of its own while the cloud's is awaited, from now: at once
        where the cloud is less likely to be in time than is asked for, else when only the time for it is
        left. None where no deadline is at risk, or its own would be late too.

        This is a hedged request (Dean and Barroso, 2013, The Tail at Scale), the second replica of which is
        the device itself.
        """
        if local_ms is None or rules.deadline_ms is None:
            return None
        slack = rules.deadline_ms - spent_ms - local_ms * (1 + self._device.doubt(now))
        if slack < 0:
            return None
        return 0.0 if decision.chosen.in_time < rules.confidence else slack

    def tokens(self, max_tokens: int) -> float:
        """How long an answer of at most so many tokens is likely to be."""
        first = next(iter(self._links.values()))  # each is told of every answer's length
        return min(first.tokens, max_tokens)

    def cached_accuracy(self, frame: str) -> float:
        """Of what the cloud keeps of a frame, as far as this device has sent it."""
        return self._cached[frame][1] if frame in self._cached else self._measured.accuracy

    def cached_at(self, frame: str) -> str | None:
        """The cloud that keeps it; None where this device has not sent it."""
        return self._cached[frame][0] if frame in self._cached else None

    def forget_frame(self, frame: str) -> None:
        """The cloud no longer keeps it."""
        self._cached.pop(frame, None)

    def local_ms(self, tiles: int, after: str | None, tokens: float, now: float) -> float:
        """What a local answer would take; `after`: the cut that the head has come to."""
        return self._device.profile(now).answer_ms(tiles, after, tokens)

    def learn_device(self, parts: Mapping[str, float], now: float) -> None:
        """The device's own parts took so many milliseconds, in the profile's units."""
        self._device.observe(parts, now)

    def learn_energy(
        self, joules: float, busy_ms: float, waiting_ms: float, sent: int, now: float, *, remote: bool
    ) -> None:
        """An answer took so much energy; `remote`: it came from a cloud."""
        self._device.observe_energy(joules, busy_ms, waiting_ms, sent, now, remote=remote)

    def learn_size(self, arm: Arm, payload_bytes: int, tiles: int, now: float) -> None:
        """What an arm sent of a picture in so many tiles."""
        expected = self._mean_bytes.get(arm.name, 0.0) * tiles / self._measured.mean_tiles
        self._sizes.observe(arm.name, expected, payload_bytes, now)

    def learn(
        self,
        decision: Decision,
        sent: int,
        network_ms: float | None,
        done: pb.Done,
        now: float,
        tiles: int = 1,
    ) -> None:
        """The call was answered: `sent` bytes took `network_ms` beside the cloud's own work on a picture in
        so many tiles; None where that took two tries, which says little of the link.
        """
        link = self._of(decision)
        self.learn_transfer(decision, sent, network_ms, now)
        link.observe_cloud(decision.arm.entry, done, now, tiles / self._measured.mean_tiles)
        self._tell_tokens(done.tokens, link)
        self._keep(done.frame.hex(), decision)

    def learn_transfer(self, decision: Decision, sent: int, network_ms: float | None, now: float) -> None:
        """As `learn`, of a call for which the model did not run."""
        link = self._of(decision)
        if network_ms is None:
            link.observe_reply()
        else:
            link.observe_transfer(sent, network_ms, now)

    def learn_local(self, tokens: int) -> None:
        """The device answered by itself, with so many tokens."""
        self._tell_tokens(tokens)

    def learn_failure(self, decision: Decision, failure: Failure, now: float) -> None:
        """The call brought no answer."""
        error, link = failure.error, self._of(decision)
        if isinstance(error, DeadlineError) and not failure.replied:
            link.timed_out(failure.sent, failure.waited_ms - decision.chosen.working_ms, now)
            waited = failure.waited_ms / 1000
            if waited >= self._network_seconds and link.silent(waited, now):
                link.failed("cloud silent", now)
        elif isinstance(error, DeadlineError) or not isinstance(error, (CloudError, WrongBundle)):
            link.observe_reply()
        else:
            reason = error.facts.get("reason") or _REASONS.get(type(error), "cloud unreachable")
            link.failed(str(reason), now, lasting=isinstance(error, _LASTING))

    def _of(self, decision: Decision) -> Link:
        """The link to the cloud that a decision is for."""
        return self._links[decision.chosen.cloud_name]

    def _tell_tokens(self, tokens: int, knows: Link | None = None) -> None:
        """An answer had so many; its own link knows."""
        for link in self._links.values():
            if link is not knows:
                link.observe_local(tokens)

    def _keep(self, frame: str, decision: Decision) -> None:
        if frame:
            self._cached[frame] = decision.chosen.cloud_name, decision.arm.accuracy
            self._cached.move_to_end(frame)
        while len(self._cached) > _MAX_FRAMES:
            self._cached.popitem(last=False)
