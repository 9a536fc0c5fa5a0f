"""From a picture and a question to an answer, by the arm that fits best.

The device never goes without an answer that it could give.
"""

import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.costs.device_times import DeviceTimes
from edge.link.client import Cloud, bytes_left
from edge.link.cloud_call import CloudCall
from edge.link.link import Link
from edge.link.reading import PendingCall, reading
from edge.models.head import HeadOutput
from edge.pictures.resampling import Picture
from edge.policy.decision import Decision, Request, Weights
from edge.policy.router import NETWORK_SECONDS, Failure, Router
from edge.power.meter import Measurement
from edge.requests.answer import Answer, LabelScore
from edge.requests.device import Device, LocalAnswer
from edge.requests.machine import Machine
from edge.requests.question import Prepared, Question
from edge.requests.sender import DeviceSender
from edge.requests.trace import AnswerText, Trace, ignore_text
from edge.upload.frame_coder import EncodedFrame
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.arms.rules import LOCAL, Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError, DeadlineError, IsthmusError, RequestError, UnknownFrame, WrongBundle
from protos.labels import Labels

_CLOUD_STAGES = ("decode", "queue", "tail", "first_token", "generate")
_ANSWERED_HERE_INSTEAD = (CloudError, WrongBundle, RequestError, UnknownFrame)
_GOOD = 0.95  # the probability that a local answer is the cloud's, from which on the cloud is not awaited
_GIVING = 0.05  # part of the deadline that is kept for giving an answer that is ready
_ANYTHING = Rules()
_BALANCED = Weights()


@dataclass
class RequestState:
    """One request on its way. Only the orchestrator writes to it."""

    question: Question
    prepared: Prepared
    output: AnswerText
    frame: str | None  # what the cloud calls the frame that it keeps of this picture
    energy: Measurement
    trace: Trace = field(default_factory=Trace)
    head: HeadOutput | None = None  # the farthest boundary that the head has come to
    encoded: EncodedFrame | None = None  # the features that were sent last
    key_frame: bool = False  # code no features against another frame's
    scores: Sequence[pb.Score] = ()
    decision: Decision | None = None
    local: LocalAnswer | None = None  # the device's own answer
    escalated: bool = False  # it was not sure enough to be given
    hedge_ms: float = 0.0  # that the device worked while it awaited the cloud


class _Overtaken(Exception):
    """The cloud's answer is whole: the device need not go on."""


def _unless_answered(pending: PendingCall) -> Callable[[str], None]:
    """Takes the text of the device's own answer, until the cloud's is whole."""

    def emit(_: str) -> None:
        if pending.answered:
            raise _Overtaken

    return emit


class Orchestrator:
    """Answers questions about pictures, one at a time; not for several threads at once.

    `client` is None where there is no cloud; `link` is what is known of the way to it, and `times` of this
    device beside its profile, nothing if they are not given. `machine` measures energy, and knows what rules
    about the device ask for.
    """

    def __init__(
        self,
        bundle: Bundle,
        client: Cloud | None,
        profile: DeviceProfile,
        link: Link | None = None,
        times: DeviceTimes | None = None,
        machine: Machine | None = None,
        *,
        threads: int = 1,
        provider: str = "",
        clock: Callable[[], float] = time.monotonic,
        network_seconds: float = NETWORK_SECONDS,
    ) -> None:
        self._bundle, self._client, self._clock = bundle, client, clock
        self._device, self._machine = Device(bundle, threads, clock, provider), machine or Machine()
        self._router = Router(
            bundle.manifest,
            bundle.measurements,
            times or DeviceTimes(profile, clock(), self._machine.meter.power),
            link or Link(bundle, clock()),
            remote=client is not None,
            network_seconds=network_seconds,
        )

    def prepare(self) -> None:
        """Load what answers need now, so that the first takes no longer than the others."""
        self._device.load(remote=self._client is not None)

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
        which may bring their embeddings; none are the bundle's own.
        Raises PromptError, PictureError, UnknownName, NoRoute, RequestError for a temperature or top_p that
        means nothing; where no local answer may stand in, CloudError, WrongBundle, UnknownFrame, and other
        RequestErrors.
        """
        names, embeddings = (labels.names, labels.rows()) if isinstance(labels, Labels) else (labels, {})
        arrived, asked = self._clock(), generation or pb.Generation()
        identity = secrets.token_hex(6)
        given = Question(identity, arrived, picture, question, rules, weights, asked, names, embeddings)
        with self._machine.meter.measure() as energy:
            prepared, output = self._device.prepare(given), AnswerText(on_text, on_restart)
            state = RequestState(given, prepared, output, frame, energy)
            state.trace.add("preprocess", prepared.milliseconds)
            return self._act(state, self._decide(state))

    def _decide(self, state: RequestState) -> Decision:
        now = self._clock()
        state.decision = self._router.decide(self._known(state, now), now)
        return state.decision

    def _known(self, state: RequestState, now: float) -> Request:
        question, frame = state.question, state.frame
        return Request(
            rules=question.rules,
            conditions=self._machine.conditions(question.rules),
            weights=question.weights,
            question_bytes=question.bytes,
            tokens=self._tokens(question),
            spent_ms=question.spent_ms(now),
            local_unavailable_reason=self._device.unavailable_reason(question),
            tiles=state.prepared.grid.tiles,
            cached_accuracy=self._router.cached_accuracy(frame) if frame else None,
        )

    def _act(self, state: RequestState, decision: Decision) -> Answer:
        if not decision.arm.remote or self._client is None:
            return self._answer_here(state)
        if decision.arm.local_first:
            return self._answer_first_here(state, decision)
        try:
            return self._ask(state, decision, self._client)
        except _ANSWERED_HERE_INSTEAD as error:
            if isinstance(error, (RequestError, UnknownFrame)) and self._send_key_frame(state):
                return self._act(state, decision)
            if isinstance(error, UnknownFrame) and state.frame is not None:
                self._router.forget_frame(state.frame)
                state.frame = None
                return self._act(state, self._decide(state))
            if not self._device.may_answer(state.question):
                raise
            state.output.restart(str(error))
            return self._answer_here(state)

    def _send_key_frame(self, state: RequestState) -> bool:
        """Code this frame against no other from now on; False if that is how it was sent already."""
        if state.encoded is None or not state.encoded.reference:
            return False
        self._device.forget_reference(state.encoded)
        state.key_frame = True
        return True

    def _answer_here(self, state: RequestState) -> Answer:
        if state.local is None:
            state.local = self._run_local(state, state.output.emit)
        elif not state.output.text:
            state.output.emit(state.local.text)
        if not state.escalated:
            state.trace.add_all(state.local.milliseconds)
        state.scores = state.local.scores
        return self._answered(state, LOCAL, state.local.tokens, frame="")

    def _answer_first_here(self, state: RequestState, decision: Decision) -> Answer:
        """Answer here, and ask the cloud where that is not sure enough. Nothing is told of an answer before
        it is accepted: words that are taken back are worse than words that come a moment later.
        """
        state.local = self._run_local(state, ignore_text)
        if decision.arm.accepts(state.local.confidence or 0.0):
            return self._answer_here(state)
        state.escalated = True
        taken = dict(state.local.milliseconds)
        state.trace.add("head", taken.pop("head"))
        state.trace.add("local", math.fsum(taken.values()))
        return self._act(state, decision.escalated())

    def _run_local(self, state: RequestState, emit: Callable[[str], None]) -> LocalAnswer:
        answer = self._device.answer(state.question, state.prepared, state.head, emit)
        state.head = answer.head
        self._router.learn_device(answer.parts, self._clock())
        self._router.learn_local(answer.tokens)
        return answer

    def _ask(self, state: RequestState, decision: Decision, client: Cloud) -> Answer:
        call = CloudCall(self._build(state, decision.arm), self._clock)
        local_ms = self._local_ms(state)
        hedge_ms = self._hedge_after_ms(state, decision, local_ms)
        seconds = self._patience(state, decision, local_ms, hedged=hedge_ms is not None)
        self._machine.reserve(call.sent, state.question.rules)
        self._router.begin(decision, call.sent, self._clock())
        try:
            if hedge_ms is None:
                done = call.run(client, seconds, state.output.emit)
            else:
                done = self._hedged(state, call, client, seconds, hedge_ms)
        except IsthmusError as error:
            left = bytes_left(call.request, error)
            self._machine.give_back(call.sent - left)
            state.trace.bytes_up += left
            state.trace.add("lost", call.waited_ms() - state.hedge_ms)
            failure = Failure(error, left, call.waited_ms(), call.first_reply is not None)
            self._router.learn_failure(decision, failure, self._clock())
            raise
        finally:
            self._router.end(decision)
        state.trace.bytes_up += call.sent
        self._learn(state, decision, call, done)
        state.scores = done.scores
        return self._answered(state, decision.arm.name, done.tokens, done.frame)

    def _hedged(
        self, state: RequestState, call: CloudCall, client: Cloud, seconds: float, hedge_ms: float
    ) -> pb.Done:
        """The cloud's answer; if it is not whole in time, the device begins its own, and the first good one
        counts: the cloud's, or one of the device that is as good as sure. Another is kept for when the cloud
        is not in time. What is not needed is cancelled; what the device works is counted.

        Raises what the call raises, and DeadlineError where the device's answer is to be given.
        """
        with reading(call, client, seconds) as pending:
            if pending.pass_on(state.output.emit, hedge_ms / 1000):
                return pending.finish(state.output.emit)
            begun = self._clock()
            try:
                state.local = self._run_local(state, _unless_answered(pending))
            except _Overtaken:
                return pending.finish(state.output.emit)
            finally:
                state.hedge_ms = (self._clock() - begun) * 1000
            if pending.answered:
                return pending.finish(state.output.emit)
            pending.check()
            if not self._good(state.local) and pending.pass_on(state.output.emit, self._left(state.question)):
                return pending.finish(state.output.emit)
            raise DeadlineError(f"no answer in time: the device was first, in {call.waited_ms():.0f} ms")

    def _good(self, local: LocalAnswer) -> bool:
        """Whether the cloud would hardly say anything else."""
        sure = self._device.probability(local.confidence)
        return sure is not None and sure >= _GOOD

    def _left(self, question: Question) -> float:
        """Seconds for which an answer that is ready may be kept; without a deadline none."""
        limit = question.rules.deadline_ms or 0.0
        return ((1 - _GIVING) * limit - question.spent_ms(self._clock())) / 1000

    def _build(self, state: RequestState, arm: Arm) -> pb.InferRequest:
        """What an arm sends; the head and the coder run as far as it needs them."""
        request = self._device.request(state.question)
        frame, after = state.frame or "", state.head
        sender = DeviceSender(self._device, state.prepared, frame, after, key_frame=state.key_frame)
        arm.build(request, sender)
        payload = sender.payload
        state.head, state.encoded = payload.head or state.head, payload.frame
        state.trace.add_all(payload.milliseconds)
        state.trace.payload_bytes += payload.size
        now = self._clock()
        self._router.learn_device(payload.parts, now)
        self._router.learn_size(arm, payload.size, state.prepared.grid.tiles, now)
        return request

    def _patience(
        self, state: RequestState, decision: Decision, local_ms: float | None, *, hedged: bool
    ) -> float:
        """Seconds that the call may take."""
        question, now = state.question, self._clock()
        return self._router.patience(
            decision,
            question.rules,
            question.spent_ms(now),
            now,
            max_tokens=self._max_tokens(question),
            local_ms=local_ms,
            hedged=hedged,
        )

    def _hedge_after_ms(
        self, state: RequestState, decision: Decision, local_ms: float | None
    ) -> float | None:
        """When the device is to begin an answer of its own beside the call; None: it is not, or has one."""
        if state.local is not None:
            return None
        question, now = state.question, self._clock()
        return self._router.hedge_after_ms(decision, question.rules, question.spent_ms(now), local_ms, now)

    def _local_ms(self, state: RequestState) -> float | None:
        """What a local answer would still take; None where none may stand in."""
        if not self._device.may_answer(state.question):
            return None
        if state.local is not None:
            return 0.0
        tiles, reached = state.prepared.grid.tiles, state.head.cut if state.head else None
        return self._router.local_ms(tiles, reached, self._tokens(state.question), self._clock())

    def _tokens(self, question: Question) -> float:
        """How many steps an answer takes: tokens, or labels to be read on the device."""
        if self._device.compares:
            return self._device.unread_labels(question)
        return self._router.tokens(self._max_tokens(question))

    def _max_tokens(self, question: Question) -> int:
        return question.generation.max_tokens or self._bundle.manifest.limits.max_new_tokens

    def _learn(self, state: RequestState, decision: Decision, call: CloudCall, done: pb.Done) -> None:
        network_ms, stages = call.network_ms(), done.stages
        tiles = state.prepared.grid.tiles
        self._router.learn(decision, call.sent, network_ms, done, self._clock(), tiles)
        if state.encoded:
            self._device.acknowledge(state.encoded, done.frame)
        state.trace.add("network", network_ms)
        state.trace.add_all({name: getattr(stages, name) for name in _CLOUD_STAGES})

    def _answered(self, state: RequestState, route: str, tokens: int, frame: str) -> Answer:
        """The answer is complete."""
        assert state.decision
        question, trace, output = state.question, state.trace, state.output
        total, limit = question.spent_ms(self._clock()), question.rules.deadline_ms
        trace.milliseconds["total"] = total
        joules = self._energy(state, total, remote=route != LOCAL)
        return Answer(
            text=output.text,
            route=route,
            decision=state.decision,
            payload_bytes=trace.payload_bytes,
            bytes_up=trace.bytes_up,
            tokens=tokens,
            stages=trace.in_order(),
            fallback=output.fallback,
            late=limit is not None and total > limit,
            joules=joules,
            energy_source=self._machine.meter.words,
            frame=frame,
            label_scores=tuple(LabelScore(s.label, s.probability, s.similarity) for s in state.scores),
            confidence=self._device.probability(state.local.confidence) if state.local else None,
            escalated=state.escalated,
            hedge_ms=state.hedge_ms,
        )

    def _energy(self, state: RequestState, total_ms: float, *, remote: bool) -> float:
        """Joules of an answer that is complete. One that came another way than decided teaches nothing."""
        trace, joules = state.trace, state.energy.joules(state.trace.bytes_up)
        if state.output.fallback is None:
            busy_ms = trace.busy_ms(remote=remote)
            waiting_ms = max(total_ms - busy_ms, 0.0)
            self._router.learn_energy(
                joules, busy_ms, waiting_ms, trace.bytes_up, self._clock(), remote=remote
            )
        return joules
