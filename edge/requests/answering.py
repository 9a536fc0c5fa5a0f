"""One request in its turn: what is decided, done, and done instead where that fails."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from edge.link.failover import ELSEWHERE
from edge.policy.decision import Decision, Request
from edge.policy.router import Router
from edge.requests.answer import Answer
from edge.requests.cloud_answers import CloudAnswers
from edge.requests.completion import Completion
from edge.requests.device import Device
from edge.requests.local_answers import LocalAnswers, pass_on
from edge.requests.machine import Machine
from edge.requests.state import RequestState
from edge.requests.trace import ignore_text
from protos import inference_pb2 as pb
from protos.arms.rules import LOCAL
from protos.errors import (
    CloudError,
    ContentRefused,
    IsthmusError,
    NoRoute,
    RequestError,
    UnknownFrame,
    WrongBundle,
)

_ANSWERED_HERE_INSTEAD = (CloudError, WrongBundle, RequestError, UnknownFrame)


class Answering:
    """By the arm that fits best, and by another where that fails."""

    def __init__(
        self,
        device: Device,
        router: Router,
        machine: Machine,
        local: LocalAnswers,
        remote: CloudAnswers | None,
        clouds: int,
        clock: Callable[[], float],
    ) -> None:
        """`clouds`: how many `remote` asks."""
        self._device, self._router, self._machine, self._clock = device, router, machine, clock
        self._local, self._remote, self._clouds = local, remote, clouds
        self._completion = Completion(device, router, machine, clock)

    def answer(self, state: RequestState) -> Answer:
        """Answer a request. Raises as `Orchestrator.answer` does."""
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
            tokens=self._local.tokens(question),
            spent_ms=question.spent_ms(now),
            local_unavailable_reason=self._device.models.unavailable_reason(question),
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
        except ContentRefused:
            raise
        except _ANSWERED_HERE_INSTEAD as error:
            return self._act_after(state, decision, error)
        state.filtered = done.reason == pb.Done.CONTENT_FILTER
        state.scores, state.view.frame = done.scores, done.frame.hex() or state.view.frame
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
        if len(state.failed) == self._clouds or ready or not isinstance(error, ELSEWHERE):
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
