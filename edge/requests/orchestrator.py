"""From a picture and a question to an answer, by the arm that fits best.

The device never goes without an answer that it could give.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from edge.costs.device_times import DeviceTimes
from edge.link.client import WatchingCloud
from edge.link.endpoint import Endpoint, by_name
from edge.link.link import Link
from edge.link.standing import Standing
from edge.models.head import HeadOutput
from edge.pictures.resampling import Picture
from edge.policy.deferral import deferral_arm
from edge.policy.router import NETWORK_SECONDS, Router
from edge.requests.answer import Answer
from edge.requests.answering import Answering
from edge.requests.cancellation import Cancellation
from edge.requests.cloud_answers import CloudAnswers
from edge.requests.device import Device
from edge.requests.local_answers import LocalAnswers
from edge.requests.machine import Machine
from edge.requests.question import Question
from edge.requests.sender import DeviceSender
from edge.requests.state import RequestState
from edge.requests.trace import AnswerText, Trace, ignore_text
from edge.requests.turn import Priority, Turn, Wait
from edge.requests.view import View
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.estimates import LinkEstimate
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import RequestError
from protos.labels import Labels
from protos.trace_context import traced

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
        cloud: WatchingCloud | Sequence[Endpoint] | None,
        profile: DeviceProfile,
        link: Link | None = None,
        times: DeviceTimes | None = None,
        machine: Machine | None = None,
        *,
        threads: int = 1,
        provider: str = "",
        clock: Callable[[], float] = time.monotonic,
        network_seconds: float = NETWORK_SECONDS,
        traces: bool = False,
    ) -> None:
        """`traces`: clouds are told which trace a request is of, in 69 bytes of each call."""
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
        local = LocalAnswers(device, router, limit, clock)
        clients = {name: endpoint.client for name, endpoint in self._endpoints.items()}
        remote = CloudAnswers(clients, device, router, self._machine, local, clock) if clients else None
        self._answering = Answering(device, router, self._machine, local, remote, len(clients), clock)
        self._turn, self._traces = Turn(), traces
        self._under_way: list[RequestState] = []

    def prepare(self) -> None:
        """Load what answers need now, so that the first takes no longer than the others."""
        with self.paused():
            self._device.load(remote=bool(self._endpoints))

    def view(
        self,
        picture: Picture,
        source: str = "",
        priority: Priority = Priority.INTERACTIVE,
        *,
        number: int = 0,
    ) -> View:
        """An RGB picture (h, w, 3) of any size, ready for several questions; `source` names the camera that
        it is of, `number` is what that calls the frame, and with `priority` its features are made. Raises
        PictureError.
        """
        with self.paused(priority):
            return self._view(picture, source, priority, number)

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
        standing: Standing | None = None,
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
        bundle's own. `standing` is given where the question is asked of one view after another.
        Raises PromptError, PictureError, UnknownName, NoRoute, RequestError for a temperature or top_p that
        means nothing; where no local answer may stand in, CloudError, WrongBundle, UnknownFrame, and other
        RequestErrors; Cancelled after `cancellation.cancel()`.
        """
        names, embeddings = (labels.names, labels.rows()) if isinstance(labels, Labels) else (labels, {})
        arrived, asked = self._clock(), generation or pb.Generation()
        identity = secrets.token_hex(_ID_BYTES)
        given = Question(identity, arrived, question, rules, weights, asked, names, embeddings, standing)
        cancellation, output = cancellation or Cancellation(), AnswerText(on_text, on_restart)
        turn = Wait(self._turn, self._turn.urgency(priority, given.due), cancellation)
        with traced(begin=self._traces) as parent, turn.held(), self._machine.meter.measure() as energy:
            self._device.check(given)
            view, trace = self._seen(picture), Trace()
            if view is not picture:
                trace.add("preprocess", view.prepared.milliseconds)
            state = RequestState(
                given, view, output, turn, cancellation, energy, frame or view.frame or None, trace=trace
            )
            with self._counted(state):
                return replace(self._answering.answer(state), trace_id=parent.trace_id if parent else "")

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

    @property
    def profile(self) -> DeviceProfile:
        """What this device's part of an answer was believed to take when this was opened."""
        return self._profile

    def links(self) -> dict[str, LinkEstimate]:
        """What is believed of the link to each cloud now, by its name, without waiting for the device."""
        now = self._clock()
        return {name: endpoint.link.snapshot(now) for name, endpoint in self._endpoints.items()}

    @property
    def calls(self) -> int:
        """How many calls to clouds are under way."""
        return self._router.calls

    def without_effect(self, rules: Rules) -> list[str]:
        """Of the rules that are set, what this machine has nothing to hold them against."""
        return self._machine.without_effect(rules)

    def _view(
        self,
        picture: Picture,
        source: str = "",
        priority: Priority = Priority.INTERACTIVE,
        number: int = 0,
    ) -> View:
        prepared, cuts = self._device.prepare(picture), [piece.cut for piece in self.bundle.manifest.pieces]
        return View(prepared, source, self.bundle.digest, cuts, partial(self._reach, priority), number)

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


def _endpoints(cloud: WatchingCloud | Sequence[Endpoint] | None, link: Link) -> Sequence[Endpoint]:
    if isinstance(cloud, Sequence):
        return cloud
    return [Endpoint(cloud, link)] if cloud else []
