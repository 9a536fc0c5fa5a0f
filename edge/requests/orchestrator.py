"""From a picture and a question to an answer, by the way that fits best; the device never goes without an
answer it could give.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from edge.costs.profile import DeviceProfile
from edge.link.client import Cloud
from edge.link.cloud_call import CloudCall
from edge.link.link import Link
from edge.pictures.resampling import Picture
from edge.policy.arms import AUTO, LOCAL, Arm
from edge.policy.policy import Decision, Request, Rules, Weights, decide
from edge.requests.answer import Answer
from edge.requests.device import Device
from edge.requests.state import Task, ignore_text
from protos import inference_pb2 as pb
from protos.bundle import PICTURE_CUT, Bundle
from protos.errors import (
    CloudBusy,
    CloudError,
    DeadlineError,
    IsthmusError,
    RequestError,
    UnknownFrame,
    WrongBundle,
)
from protos.labels import Labels

NETWORK_SECONDS = 10.0  # without a deadline: what a call may take beside the tokens it makes
_MAX_FRAMES = 256
_ANSWERED_HERE_INSTEAD = (CloudError, WrongBundle, RequestError, UnknownFrame)
_TROUBLES: dict[type[IsthmusError], str] = {
    WrongBundle: "cloud serves another bundle",
    CloudBusy: "cloud busy",
}
_ANYTHING = Rules()
_BALANCED = Weights()


class Orchestrator:
    """Answers questions about pictures, one at a time; not for several threads at once.

    `client` is None where there is no cloud; `link` is what is known of the way to it, nothing if it is not
    given.
    """

    def __init__(
        self,
        bundle: Bundle,
        client: Cloud | None,
        profile: DeviceProfile,
        link: Link | None = None,
        *,
        threads: int = 1,
        provider: str = "",
        clock: Callable[[], float] = time.monotonic,
        network_seconds: float = NETWORK_SECONDS,
    ) -> None:
        self._manifest, self._client = bundle.manifest, client
        self._device = Device(bundle, profile, threads, clock, provider)
        self._clock, self._network_seconds = clock, network_seconds
        self._link = link or Link(bundle, clock())
        self._kept: OrderedDict[str, float] = (
            OrderedDict()
        )  # frame digest: accuracy of what the cloud keeps of it
        self._last: str | None = None

    def prepare(self) -> None:
        """Load the head and the local model now, so that the first answer takes no longer than the others."""
        self._device.prepare()

    def answer(
        self,
        picture: Picture,
        question: str,
        rules: Rules = _ANYTHING,
        *,
        weights: Weights = _BALANCED,
        generation: pb.Generation | None = None,
        frame: str | None = None,
        labels: Sequence[str] | Labels = (),
        on_text: Callable[[str], None] = ignore_text,
        on_restart: Callable[[str], None] = ignore_text,
    ) -> Answer:
        """Answer a question about an RGB picture (h, w, 3) of any size.

        `on_text` gets the answer in pieces as they come. If the cloud dies in mid-answer and the device
        answers anew, `on_restart` gets the reason: what came before is void. `frame` is `Answer.frame` of an
        earlier question about the same picture. A dual encoder reads no question: it chooses among `labels`,
        which may bring their embeddings; none are the bundle's own. Raises PromptError, PictureError,
        UnknownName, NoRoute, RequestError for a temperature or top_p that means nothing; where no local
        answer may stand in, CloudError, WrongBundle, UnknownFrame, and other RequestErrors.
        """
        names, given = (labels.names, labels.rows()) if isinstance(labels, Labels) else (labels, {})
        asked = generation or pb.Generation()
        task = Task(
            picture,
            question,
            rules,
            weights,
            asked,
            frame,
            on_text,
            on_restart,
            self._clock,
            labels=names,
            given=given,
        )
        self._device.look(task)
        decision = self._decide(task)
        return self._act(task, decision)

    def _decide(self, task: Task) -> Decision:
        now, last = self._clock(), self._last
        link = self._link.snapshot(now) if self._client else None
        decision = decide(
            self._known(task), self._device.profile, link, self._link.cloud(now), self._manifest, last=last
        )
        if task.rules.route == AUTO:
            self._last = decision.arm.name
        return decision

    def _known(self, task: Task) -> Request:
        return Request(
            rules=task.rules,
            weights=task.weights,
            question_bytes=len(task.question.encode()) + sum(len(label.encode()) for label in task.labels),
            tokens=self._tokens(task),
            spent_ms=task.spent_ms(),
            local_unavailable_reason=self._device.unavailable_reason(task),
            tiles=self._device.tiles(task),
            cached_accuracy=self._kept.get(task.frame, self._manifest.accuracy) if task.frame else None,
        )

    def _act(self, task: Task, decision: Decision) -> Answer:
        if decision.arm.kind == LOCAL or self._client is None:
            return self._answer_here(task, decision)
        try:
            return self._ask(task, decision, self._client)
        except _ANSWERED_HERE_INSTEAD as error:
            if isinstance(error, (RequestError, UnknownFrame)) and self._device.send_whole(task):
                return self._act(task, decision)
            if isinstance(error, UnknownFrame) and task.frame is not None:
                self._kept.pop(task.frame, None)
                task.frame = None
                return self._act(task, self._decide(task))
            if not self._device.may_answer(task):
                raise
            task.restart(str(error))
            return self._answer_here(task, decision)

    def _answer_here(self, task: Task, decision: Decision) -> Answer:
        tokens = self._device.answer(task)
        self._link.answered_here(tokens)
        return task.answered(decision, LOCAL, tokens, frame="")

    def _ask(self, task: Task, decision: Decision, client: Cloud) -> Answer:
        exchange = CloudCall(self._device.request(task, decision.arm), self._clock)
        seconds = self._patience(task, decision)
        task.bytes_up += exchange.sent
        try:
            done = exchange.run(client, seconds, task.tell)
        except IsthmusError as error:
            task.took("lost", exchange.waited_ms())
            self._learn_from_failure(exchange, decision, error)
            raise
        self._learn(task, decision.arm, exchange, done)
        task.scores = done.scores
        return task.answered(decision, decision.arm.name, done.tokens, done.frame)

    def _patience(self, task: Task, decision: Decision) -> float:
        """Seconds that the call may take: what the deadline leaves, less a local answer if there is time for
        both.
        """
        left, chosen = task.left_ms(), decision.chosen
        if left is None or decision.late:
            return (
                self._network_seconds
                + 2 * self._max_tokens(task) * self._link.cloud(self._clock()).token_ms / 1000
            )
        if left <= 0:
            raise DeadlineError(
                f"the deadline of {task.rules.deadline_ms:.0f} ms passed before the call; allow more time"
            )
        spare = left - self._device.answer_ms(task, self._tokens(task))
        expected = chosen.network + chosen.queue + chosen.cloud + chosen.generate
        reserve = self._device.may_answer(task) and spare >= expected
        return (spare if reserve else left) / 1000

    def _tokens(self, task: Task) -> float:
        """How many steps making the answer takes: tokens, or labels to be read on the device."""
        return (
            self._device.unread(task)
            if self._device.matches
            else min(self._link.tokens, self._max_tokens(task))
        )

    def _max_tokens(self, task: Task) -> int:
        return task.generation.max_tokens or self._manifest.limits.max_new_tokens

    def _learn(self, task: Task, arm: Arm, exchange: CloudCall, done: pb.Done) -> None:
        now, network_ms, stages = self._clock(), exchange.network_ms(), done.stages
        self._link.exchanged(exchange.sent, network_ms, now)
        self._link.reported(None if arm.kind == "cached" else arm.cut or PICTURE_CUT, done, now)
        self._keep(done.frame, arm.accuracy)
        self._device.acknowledge(task, done.frame)
        task.took("network", network_ms)
        for name in ("decode", "queue", "tail", "first_token", "generate"):
            task.took(name, getattr(stages, name))

    def _learn_from_failure(self, exchange: CloudCall, decision: Decision, error: IsthmusError) -> None:
        now, chosen = self._clock(), decision.chosen
        if isinstance(error, DeadlineError) and exchange.heard is None:
            working_ms = chosen.queue + chosen.cloud + chosen.generate
            self._link.ignore_text(exchange.sent, exchange.waited_ms() - working_ms, now)
        elif isinstance(error, DeadlineError) or not isinstance(error, (CloudError, WrongBundle)):
            self._link.reached()
        else:
            self._link.failed(_TROUBLES.get(type(error), "cloud unreachable"), now)

    def _keep(self, frame: str, accuracy: float) -> None:
        if frame:
            self._kept[frame] = accuracy
            self._kept.move_to_end(frame)
        while len(self._kept) > _MAX_FRAMES:
            self._kept.popitem(last=False)
