"""Which way each request of a device goes, and what the device learns of every way: the decision, how long a
call may take, and what came of it. No clock, no socket, no thread: time is handed in.

The orchestrator acts by it, and so does the simulator.
"""

from collections import OrderedDict
from dataclasses import dataclass

from edge.link.link import Link
from edge.policy.decision import Decision, Request
from edge.policy.policy import decide
from protos import bundle_pb2 as bp
from protos import inference_pb2 as pb
from protos.arms.rules import AUTO, Rules
from protos.costs.profile import DeviceProfile
from protos.errors import CloudBusy, CloudError, DeadlineError, IsthmusError, UnusableCloud, WrongBundle

NETWORK_SECONDS = 10.0  # without a deadline: what a call may take beside the tokens it makes
_MAX_FRAMES = 256
_LASTING = (WrongBundle, UnusableCloud)
_REASONS: dict[type[IsthmusError], str] = {
    WrongBundle: "cloud serves another bundle",
    CloudBusy: "cloud busy",
}


@dataclass(frozen=True)
class Failure:
    """A call that brought no answer: the bytes that it sent, how long it was waited for, and whether anything
    came back.
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
        profile: DeviceProfile,
        link: Link,
        *,
        remote: bool = True,
        network_seconds: float = NETWORK_SECONDS,
    ) -> None:
        """`remote`: there is a cloud."""
        self._manifest, self._measured, self._profile = manifest, measured, profile
        self._link, self._remote, self._network_seconds = link, remote, network_seconds
        # frame digest: accuracy of what the cloud keeps of it
        self._cached: OrderedDict[str, float] = OrderedDict()
        self._last_arm: str | None = None

    def decide(self, request: Request, now: float) -> Decision:
        """The arm to take. Raises UnknownName, NoRoute."""
        link = self._link.snapshot(now) if self._remote else None
        cloud, last = self._link.cloud(now), self._last_arm
        decision = decide(request, self._profile, link, cloud, self._manifest, self._measured, last=last)
        if request.rules.route == AUTO:
            self._last_arm = decision.arm.name
        return decision

    def patience(
        self,
        decision: Decision,
        rules: Rules,
        spent_ms: float,
        now: float,
        *,
        max_tokens: int,
        local_ms: float | None,
    ) -> float:
        """Seconds that the call may take: what the deadline leaves after `spent_ms`, less a local answer if
        there is time for both. `local_ms`: what that would take, None where none may stand in.

        Raises DeadlineError where the deadline has passed.
        """
        limit = rules.deadline_ms
        if limit is None or decision.late:
            return self._network_seconds + 2 * max_tokens * self._link.cloud(now).token_ms / 1000
        left = limit - spent_ms
        if left <= 0:
            raise DeadlineError(f"the deadline of {limit:.0f} ms passed before the call; allow more time")
        chosen = decision.chosen
        expected = chosen.network + chosen.queue + chosen.cloud + chosen.generate
        reserve = local_ms is not None and left - local_ms >= expected
        return (left - local_ms if reserve and local_ms is not None else left) / 1000

    def tokens(self, max_tokens: int) -> float:
        """How long an answer of at most so many tokens is likely to be."""
        return min(self._link.tokens, max_tokens)

    def cached_accuracy(self, frame: str) -> float:
        """Of what the cloud keeps of a frame, as far as this device has sent it."""
        return self._cached.get(frame, self._measured.accuracy)

    def forget_frame(self, frame: str) -> None:
        """The cloud no longer keeps it."""
        self._cached.pop(frame, None)

    def learn(self, decision: Decision, sent: int, network_ms: float, done: pb.Done, now: float) -> None:
        """The call was answered: `sent` bytes took `network_ms` beside the cloud's own work."""
        self._link.observe_transfer(sent, network_ms, now)
        self._link.observe_cloud(decision.arm.entry, done, now)
        self._keep(done.frame, decision.arm.accuracy)

    def learn_local(self, tokens: int) -> None:
        """The device answered by itself, with so many tokens."""
        self._link.observe_local(tokens)

    def learn_failure(self, decision: Decision, failure: Failure, now: float) -> None:
        """The call brought no answer."""
        error, chosen = failure.error, decision.chosen
        if isinstance(error, DeadlineError) and not failure.replied:
            working_ms = chosen.queue + chosen.cloud + chosen.generate
            self._link.timed_out(failure.sent, failure.waited_ms - working_ms, now)
        elif isinstance(error, DeadlineError) or not isinstance(error, (CloudError, WrongBundle)):
            self._link.observe_reply()
        else:
            reason = error.facts.get("reason") or _REASONS.get(type(error), "cloud unreachable")
            self._link.failed(str(reason), now, lasting=isinstance(error, _LASTING))

    def _keep(self, frame: str, accuracy: float) -> None:
        if frame:
            self._cached[frame] = accuracy
            self._cached.move_to_end(frame)
        while len(self._cached) > _MAX_FRAMES:
            self._cached.popitem(last=False)
