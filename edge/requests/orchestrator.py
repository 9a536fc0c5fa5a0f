"""From a picture and a question to an answer, by the arm that fits best.

The device never goes without an answer that it could give.
"""

import math
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

from edge.costs.device_times import DeviceTimes
from edge.link.client import Cloud
from edge.link.endpoint import Endpoint, by_name
from edge.link.link import Link
from edge.models.head import HeadOutput
from edge.pictures.resampling import Picture
from edge.policy.decision import Decision, Request, Weights
from edge.policy.deferral import deferral_arm
from edge.policy.router import NETWORK_SECONDS, Router
from edge.requests.answer import Answer
from edge.requests.cancellation import Cancellation
from edge.requests.cloud_answers import CloudAnswers
from edge.requests.completion import Completion
from edge.requests.device import Device
from edge.requests.local_answers import LocalAnswers, pass_on
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
from protos.errors import CloudError, IsthmusError, NoRoute, RequestError, UnknownFrame, WrongBundle
from protos.labels import Labels

_ANSWERED_HERE_INSTEAD = (CloudError, WrongBundle, RequestError, UnknownFrame)
_ELSEWHERE = (CloudError, WrongBundle)  # what another cloud may help against
_ANYTHING = Rules()
_ID_BYTES = 3  # of a request: to find it in the log of the cloud
_BALANCED = Weights()


class Orchestrator:
    """Answers questions about pictures, for any number of threads at once. The device works for one request
    at a time, as edge/requests/turn.py has it; calls to the cloud overlap.

    `cloud` is None where there is none, or several with their links; `link` is what is known of the way to
    one, and `times` of this device beside its profile, nothing if they are not given. `machine` measures
    energy, and knows what rules about the device ask for. All of them are touched with the turn held only.
    """

    def __init__(
        self,
        bundle: Bundle,
        cloud: Cloud | Sequence[Endpoint] | None,
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
        self.bundle, self._clock, self._profile = bundle, clock, profile
        self._device, self._machine = Device(bundle, threads, clock, provider), machine or Machine()
        link = link or Link(bundle, clock())
        self._endpoints = by_name(_endpoints(cloud, link))
        links = {name: endpoint.link for name, endpoint in self._endpoints.items()}
        self._router = Router(
            bundle.manifest,
            bundle.measurements,
            times or DeviceTimes(profile, clock(), self._machine.meter.power),
            links or link,
            remote=bool(links),
            network_seconds=network_seconds,
        )
        device, router, limit = self._device, self._router, bundle.manifest.limits.max_new_tokens
        self._local = LocalAnswers(device, router, limit, clock)
        clients = {name: endpoint.client for name, endpoint in self._endpoints.items()}
        self._remote = (
            CloudAnswers(clients, device, router, self._machine, self._local, clock) if clients else None
        )
        self._completion = Completion(device, router, self._machine, clock)
        self._turn = Turn()
        self._under_way: list[RequestState] = []

    def prepare(self, *, codecs: bool = True) -> None:
        """Load what answers need now, so that the first takes no longer than the others; `codecs`: those of
        all cuts too, of which one question uses one.
        """
        with self.paused():
            self._device.load(remote=self._remote is not None, codecs=codecs)

    def view(self, picture: Picture, source: str = "", priority: Priority = Priority.INTERACTIVE) -> View:
        """An RGB picture (h, w, 3) of any size, ready for several questions; `source` names the camera that
        it is of, and with `priority` its features are made. Raises PictureError.
        """
        with self.paused(priority):
            return self._view(picture, source, priority)

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
        identity = secrets.token_hex(_ID_BYTES)
        given = Question(identity, arrived, question, rules, weights, asked, names, embeddings)
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

    @contextmanager
    def paused(self, priority: Priority = Priority.INTERACTIVE) -> Iterator[None]:
        """Within, the device works for no request, and what it learns by stays as it is."""
        with Wait(self._turn, self._turn.urgency(priority), Cancellation()).held():
            yield

    def links(self) -> dict[str, LinkEstimate]:
        """What is believed of the link to each cloud now, by its name, without waiting for the device."""
        now = self._clock()
        return {name: endpoint.link.snapshot(now) for name, endpoint in self._endpoints.items()}

    def without_effect(self, rules: Rules) -> list[str]:
        """Of the rules that are set, what this machine has nothing to hold them against."""
        return self._machine.without_effect(rules)

    def _view(self, picture: Picture, source: str = "", priority: Priority = Priority.INTERACTIVE) -> View:
        prepared, cuts = self._device.prepare(picture), [piece.cut for piece in self.bundle.manifest.pieces]
        return View(prepared, source, self.bundle.digest, cuts, partial(self._reach, priority))

    def _seen(self, picture: Picture | View) -> View:
        if not isinstance(picture, View):
            return self._view(picture)
        if picture.bundle != self.bundle.digest:
            raise RequestError(
                "the view was made for another bundle; make one with this orchestrator's view()"
            )
        return picture

    def _reach(self, priority: Priority, view: View, cut: str) -> HeadOutput:
        """Run the head to a cut, for who looks at its features."""
        with self.paused(priority):
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
            tokens=self._local.tokens(question),
            spent_ms=question.spent_ms(now),
            local_unavailable_reason=self._device.unavailable_reason(question),
            tiles=state.view.prepared.grid.tiles,
            reached=state.view.cuts,
            cached_accuracy=self._router.cached_accuracy(frame) if frame else None,
            cached_at=self._router.cached_at(frame) if frame else None,
            failed=frozenset(state.failed),
        )

    def _act(self, state: RequestState, decision: Decision) -> Answer:
        if not decision.arm.remote or self._remote is None:
            return self._answer_here(state)
        if decision.arm.local_first:
            return self._answer_first_here(state, decision)
        try:
            done = self._remote.ask(state, decision)
        except _ANSWERED_HERE_INSTEAD as error:
            return self._act_after(state, decision, error)
        state.scores, state.view.frame = done.scores, done.frame.hex()
        return self._completion.answer(state, decision.chosen.name, done.tokens, state.view.frame)

    def _act_after(self, state: RequestState, decision: Decision, error: IsthmusError) -> Answer:
        """Answer another way than the one that failed. Raises its error where there is none."""
        if isinstance(error, (RequestError, UnknownFrame)) and self._send_key_frame(state):
            return self._act(state, decision)
        if isinstance(error, UnknownFrame) and state.frame is not None:
            self._forget_frame(state)
            return self._act(state, self._decide(state))
        if elsewhere := self._elsewhere(state, decision, error):
            return self._act(state, elsewhere)
        if not self._device.may_answer(state.question):
            raise error
        with self._telling(state):
            state.output.restart(str(error))
        state.turn.give_way()
        return self._answer_here(state)

    def _elsewhere(self, state: RequestState, decision: Decision, error: IsthmusError) -> Decision | None:
        """What is decided where one of several clouds has failed; None where it was the last, where what
        failed would fail at another too, and where the device has an answer of its own to give.
        """
        state.failed.add(decision.chosen.cloud_name)
        ready = state.local is not None and not state.escalated
        if len(state.failed) == len(self._endpoints) or ready or not isinstance(error, _ELSEWHERE):
            return None
        try:
            decided = self._decide(state)
        except NoRoute:
            return None
        with self._telling(state):
            state.output.restart(str(error))
        return decided.escalated() if decided.arm.local_first and state.escalated else decided

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
            state.local = self._local.run_told(state)
        elif not state.output.text:
            with self._telling(state):
                state.output.emit(state.local.text)
        if not state.escalated:
            state.trace.add_all(state.local.milliseconds)
        state.scores = state.local.scores
        return self._completion.answer(state, LOCAL, state.local.tokens, frame="")

    def _answer_first_here(self, state: RequestState, decision: Decision) -> Answer:
        """Answer here, and ask the cloud where that is not sure enough. Nothing is told of an answer before
        it is accepted: words that are taken back are worse than words that come a moment later.
        """
        state.local = self._local.run(state, lambda text: pass_on(state, text, ignore_text))
        if decision.arm.accepts(state.local.confidence or 0.0):
            return self._answer_here(state)
        state.escalated = True
        taken = dict(state.local.milliseconds)
        state.trace.add("head", taken.pop("head"))
        state.trace.add("local", math.fsum(taken.values()))
        return self._act(state, decision.escalated())


def _endpoints(cloud: Cloud | Sequence[Endpoint] | None, link: Link) -> Sequence[Endpoint]:
    if isinstance(cloud, Sequence):
        return cloud
    return [Endpoint(cloud, link)] if cloud else []
