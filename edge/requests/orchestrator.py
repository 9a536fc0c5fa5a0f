"""From a picture and a question to an answer, by the arm that fits best.

The device never goes without an answer that it could give.
"""

import math
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from edge.background import Tell, working
from edge.costs.device_times import DeviceTimes
from edge.link.client import Cloud, bytes_left
from edge.link.cloud_call import CloudCall
from edge.link.link import Link
from edge.models.head import HeadOutput
from edge.pictures.resampling import Picture
from edge.policy.decision import Decision, Request, Weights
from edge.policy.deferral import deferral_arm
from edge.policy.router import NETWORK_SECONDS, Failure, Router
from edge.requests.answer import Answer, LabelScore
from edge.requests.cancellation import Cancellation
from edge.requests.device import Device, LocalAnswer
from edge.requests.hedge import Hedge
from edge.requests.machine import Machine
from edge.requests.question import Question
from edge.requests.sender import DeviceSender
from edge.requests.state import RequestState
from edge.requests.trace import AnswerText, Trace, ignore_text
from edge.requests.turn import Priority, Turn, Wait
from edge.requests.view import View
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.arms.rules import LOCAL, Rules
from protos.bundle import Bundle
from protos.costs.estimates import LinkEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError, IsthmusError, RequestError, UnknownFrame, WrongBundle
from protos.labels import Labels

_CLOUD_STAGES = ("decode", "queue", "tail", "first_token", "generate")
_ANSWERED_HERE_INSTEAD = (CloudError, WrongBundle, RequestError, UnknownFrame)
_GOOD = 0.95  # the probability that a local answer is the cloud's, from which on the cloud is not awaited
_GIVING = 0.05  # part of the deadline that is kept for giving an answer that is ready
_ANYTHING = Rules()
_BALANCED = Weights()


class Orchestrator:
    """Answers questions about pictures, for any number of threads at once. The device works for one request
    at a time, as edge/requests/turn.py has it; calls to the cloud overlap.

    `client` is None where there is no cloud; `link` is what is known of the way to it, and `times` of this
    device beside its profile, nothing if they are not given. `machine` measures energy, and knows what rules
    about the device ask for. All of them are touched with the turn held only.
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
        self.bundle, self._client, self._clock, self._profile = bundle, client, clock, profile
        self._device, self._machine = Device(bundle, threads, clock, provider), machine or Machine()
        self._link = link or Link(bundle, clock())
        self._router = Router(
            bundle.manifest,
            bundle.measurements,
            times or DeviceTimes(profile, clock(), self._machine.meter.power),
            self._link,
            remote=client is not None,
            network_seconds=network_seconds,
        )
        self._turn = Turn()
        self._under_way: list[RequestState] = []

    def prepare(self) -> None:
        """Load what answers need now, so that the first takes no longer than the others."""
        with self.paused():
            self._device.load(remote=self._client is not None)

    def view(self, picture: Picture, source: str = "", priority: Priority = Priority.INTERACTIVE) -> View:
        """An RGB picture (h, w, 3) of any size, ready for several questions; `source` names the camera that
        it is of. Raises PictureError.
        """
        with self.paused(priority):
            return self._view(picture, source)

    def answer(
        self,
        picture: Picture | View,
        question: str = "",
        rules: Rules = _ANYTHING,
        *,
        weights: Weights = _BALANCED,
        generation: pb.Generation | None = None,
        frame: str | None = None,
        labels: Sequence[str] | Labels = (),
        priority: Priority = Priority.INTERACTIVE,
        cancellation: Cancellation | None = None,
        on_text: Callable[[str], None] = ignore_text,
        on_restart: Callable[[str], None] = ignore_text,
    ) -> Answer:
        """Answer a question about an RGB picture (h, w, 3) of any size, or a `view` of one.

        `on_text` gets the answer in pieces as they come. If the cloud dies in mid-answer and the device
        answers anew, `on_restart` gets the reason: what came before is void. Both are called in this thread.
        `frame` is `Answer.frame` of an earlier question about the same picture; a view knows its own. A dual
        encoder reads no question: it chooses among `labels`, which may bring their embeddings; none are the
        bundle's own.
        Raises PromptError, PictureError, UnknownName, NoRoute, RequestError for a temperature or top_p that
        means nothing; where no local answer may stand in, CloudError, WrongBundle, UnknownFrame, and other
        RequestErrors; Cancelled after `cancellation.cancel()`.
        """
        names, embeddings = (labels.names, labels.rows()) if isinstance(labels, Labels) else (labels, {})
        arrived, asked = self._clock(), generation or pb.Generation()
        given = Question(secrets.token_hex(6), arrived, question, rules, weights, asked, names, embeddings)
        cancellation, output = cancellation or Cancellation(), AnswerText(on_text, on_restart)
        turn = Wait(self._turn, self._turn.urgency(priority, given.due), cancellation)
        with turn.held(), self._machine.meter.measure() as energy:
            self._device.check(given)
            view, trace = self._seen(picture), Trace()
            if view is not picture:
                trace.add("preprocess", view.prepared.milliseconds)
            state = RequestState(
                given, view, output, turn, cancellation, energy, frame or view.frame or None, trace=trace
            )
            with self._counted(state):
                return self._act(state, self._decide(state))

    @contextmanager
    def paused(self, priority: Priority = Priority.INTERACTIVE) -> Iterator[None]:
        """Within, the device works for no request, and what it learns by stays as it is."""
        with Wait(self._turn, self._turn.urgency(priority), Cancellation()).held():
            yield

    def link_estimate(self) -> LinkEstimate | None:
        """What is believed of the link now; None where there is no cloud."""
        with self.paused():
            return self._link.snapshot(self._clock()) if self._client else None

    def without_effect(self, rules: Rules) -> list[str]:
        """Of the rules that are set, what this machine has nothing to hold them against."""
        return self._machine.without_effect(rules)

    def _view(self, picture: Picture, source: str = "") -> View:
        cuts = [piece.cut for piece in self.bundle.manifest.pieces]
        return View(self._device.prepare(picture), source, self.bundle.digest, cuts, self._reach)

    def _seen(self, picture: Picture | View) -> View:
        if not isinstance(picture, View):
            return self._view(picture)
        if picture.bundle != self.bundle.digest:
            raise RequestError(
                "the view was made for another bundle; make one with this orchestrator's view()"
            )
        return picture

    def _reach(self, view: View, cut: str) -> HeadOutput:
        """Run the head to a cut, for who looks at its features."""
        with self.paused():
            output, parts = self._device.run_head(view.prepared, cut, view.reached(cut))
            view.note(output)
            self._router.learn_device(parts, self._clock())
            return output

    @contextmanager
    def _counted(self, state: RequestState) -> Iterator[None]:
        """While it is under way. What a device takes for several at once is no request's own."""
        self._under_way.append(state)
        if len(self._under_way) > 1:
            for one in self._under_way:
                one.alone = False
        try:
            yield
        finally:
            self._under_way.remove(state)

    def deferred(
        self,
        picture: Picture | View,
        question: str,
        rules: Rules,
        *,
        weights: Weights = _BALANCED,
        generation: pb.Generation | None = None,
        labels: Sequence[str] = (),
    ) -> tuple[Arm, pb.InferRequest]:
        """What to send of a question once there is a link: features or a picture, as the rules allow, that
        need no frame that a cloud keeps. Raises as `answer` does before it asks.
        """
        asked = generation or pb.Generation()
        given = Question("", self._clock(), question, rules, weights, asked, labels)
        manifest, measured = self.bundle.manifest, self.bundle.measurements
        with self.paused(Priority.STANDING):
            self._device.check(given)
            arm, request = (
                deferral_arm(rules, weights, self._profile, manifest, measured),
                self._device.request(given),
            )
            arm.build(request, DeviceSender(self._device, self._seen(picture), "", key_frame=True))
        return arm, request

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
            tiles=state.view.prepared.grid.tiles,
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
                self._forget_frame(state)
                return self._act(state, self._decide(state))
            if not self._device.may_answer(state.question):
                raise
            with self._telling(state):
                state.output.restart(str(error))
            state.turn.give_way()
            return self._answer_here(state)

    def _send_key_frame(self, state: RequestState) -> bool:
        """Code this frame against no other from now on; False if that is how it was sent already."""
        if state.encoded is None or not state.encoded.reference:
            return False
        self._device.forget_reference(state.encoded)
        state.key_frame = True
        return True

    def _forget_frame(self, state: RequestState) -> None:
        """The cloud keeps it no longer."""
        assert state.frame
        self._router.forget_frame(state.frame)
        if state.view.frame == state.frame:
            state.view.frame = ""
        state.frame = None

    @contextmanager
    def _telling(self, state: RequestState) -> Iterator[None]:
        """Within, the caller is told of something: it may take its time, or ask again."""
        with state.turn.let_go() if state.output.listened else nullcontext():
            yield

    def _answer_here(self, state: RequestState) -> Answer:
        if state.local is None:
            state.local = self._run_told(state)
        elif not state.output.text:
            with self._telling(state):
                state.output.emit(state.local.text)
        if not state.escalated:
            state.trace.add_all(state.local.milliseconds)
        state.scores = state.local.scores
        return self._answered(state, LOCAL, state.local.tokens, frame="")

    def _answer_first_here(self, state: RequestState, decision: Decision) -> Answer:
        """Answer here, and ask the cloud where that is not sure enough. Nothing is told of an answer before
        it is accepted: words that are taken back are worse than words that come a moment later.
        """
        state.local = self._run_local(state, lambda text: _pass_on(state, text, ignore_text))
        if decision.arm.accepts(state.local.confidence or 0.0):
            return self._answer_here(state)
        state.escalated = True
        taken = dict(state.local.milliseconds)
        state.trace.add("head", taken.pop("head"))
        state.trace.add("local", math.fsum(taken.values()))
        return self._act(state, decision.escalated())

    def _run_told(self, state: RequestState) -> LocalAnswer:
        """Answer here; where the caller is told of the text, a thread beside this one works with the turn,
        and this one tells.
        """
        if not state.output.listened:
            return self._run_local(state, lambda text: _pass_on(state, text, state.output.emit))
        left = Cancellation()

        def work(tell: Tell) -> LocalAnswer:
            def emit(text: str) -> None:
                left.check()
                _pass_on(state, text, tell)

            return self._run_local(state, emit)

        with working(work, left.cancel, name="local answer") as background:
            return background.finish(state.output.emit)

    def _run_local(self, state: RequestState, emit: Tell) -> LocalAnswer:
        view = state.view
        answer = self._device.answer(state.question, view.prepared, view.reached(), emit)
        if answer.head:
            view.note(answer.head)
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
            with state.turn.let_go():
                done = self._call(state, call, client, seconds, hedge_ms)
        except IsthmusError as error:
            state.cancellation.check()  # a call that the caller ended teaches nothing
            self._lost(state, decision, call, error)
            raise
        finally:
            self._router.end(decision)
        state.trace.bytes_up += call.sent
        self._learn(state, decision, call, done)
        state.scores = done.scores
        state.view.frame = done.frame
        return self._answered(state, decision.arm.name, done.tokens, done.frame)

    def _call(
        self, state: RequestState, call: CloudCall, client: Cloud, seconds: float, hedge_ms: float | None
    ) -> pb.Done:
        """The cloud's answer, passed on as it comes, hedged after so long. It is others' turn meanwhile."""
        replies, tell = call.begin(client, seconds), state.output.emit
        with state.cancellation.ending(replies.close):
            if hedge_ms is None:
                return call.read(replies, tell)
            hedge = Hedge(
                hedge_ms,
                state.turn.another(),
                lambda emit: self._run_local(state, emit),
                self._good,
                lambda: self._left(state.question),
                self._clock,
            )
            try:
                return hedge.read(call, replies, tell)
            finally:
                state.local, state.hedge_ms = hedge.local, hedge.worked_ms

    def _lost(self, state: RequestState, decision: Decision, call: CloudCall, error: IsthmusError) -> None:
        """The call brought no answer."""
        left = bytes_left(call.request, error)
        self._machine.give_back(call.sent - left)
        state.trace.bytes_up += left
        state.trace.add("lost", call.waited_ms() - state.hedge_ms)
        failure = Failure(error, left, call.waited_ms(), call.first_reply is not None)
        self._router.learn_failure(decision, failure, self._clock())

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
        sender = DeviceSender(self._device, state.view, state.frame or "", key_frame=state.key_frame)
        arm.build(request, sender)
        payload = sender.payload
        state.encoded = payload.frame
        if payload.head:
            state.view.note(payload.head)
        state.trace.add_all(payload.milliseconds)
        state.trace.payload_bytes += payload.size
        now = self._clock()
        self._router.learn_device(payload.parts, now)
        self._router.learn_size(arm, payload.size, state.view.prepared.grid.tiles, now)
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
        tiles, head = state.view.prepared.grid.tiles, state.view.reached()
        reached = head.cut if head else None
        return self._router.local_ms(tiles, reached, self._tokens(state.question), self._clock())

    def _tokens(self, question: Question) -> float:
        """How many steps an answer takes: tokens, or labels to be read on the device."""
        if self._device.compares:
            return self._device.unread_labels(question)
        return self._router.tokens(self._max_tokens(question))

    def _max_tokens(self, question: Question) -> int:
        return question.generation.max_tokens or self.bundle.manifest.limits.max_new_tokens

    def _learn(self, state: RequestState, decision: Decision, call: CloudCall, done: pb.Done) -> None:
        network_ms, stages = call.network_ms(), done.stages
        tiles = state.view.prepared.grid.tiles
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
        if state.turn.waited_ms:
            trace.add("turn", state.turn.waited_ms)
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
        """Joules of an answer that is complete. One that came another way than decided, or while others were
        under way, teaches nothing.
        """
        trace, joules = state.trace, state.energy.joules(state.trace.bytes_up)
        if state.output.fallback is None and state.alone:
            busy_ms = trace.busy_ms(remote=remote)
            waiting_ms = max(total_ms - busy_ms, 0.0)
            self._router.learn_energy(
                joules, busy_ms, waiting_ms, trace.bytes_up, self._clock(), remote=remote
            )
        return joules


def _pass_on(state: RequestState, text: str, tell: Tell) -> None:
    """Tell a piece of the device's own answer; who is more urgent goes first. Raises Cancelled."""
    state.turn.give_way()
    tell(text)
