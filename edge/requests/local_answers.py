"""The device's own answers: made with its turn, told without it."""

from collections.abc import Callable

from edge.background import Tell, working
from edge.policy.router import Router
from edge.requests.cancellation import Cancellation
from edge.requests.device import Device, LocalAnswer
from edge.requests.question import Question
from edge.requests.state import RequestState

_GOOD = 0.95  # the probability that a local answer is the cloud's, from which on the cloud is not awaited


class LocalAnswers:
    """`limit`: tokens of an answer, where a question says nothing."""

    def __init__(self, device: Device, router: Router, limit: int, clock: Callable[[], float]) -> None:
        self._device, self._router, self._limit, self._clock = device, router, limit, clock

    def run_told(self, state: RequestState) -> LocalAnswer:
        """Answer here; where the caller is told of the text, a thread beside this one works with the turn,
        and this one tells.
        """
        if not state.output.listened:
            return self.run(state, lambda text: pass_on(state, text, state.output.emit))
        left = Cancellation()

        def work(tell: Tell) -> LocalAnswer:
            def emit(text: str) -> None:
                left.check()
                pass_on(state, text, tell)

            return self.run(state, emit)

        with working(work, left.cancel, name="local answer") as background:
            return background.finish(state.output.emit)

    def run(self, state: RequestState, emit: Tell) -> LocalAnswer:
        """Answer here, and learn what that took; `emit` gets the text in pieces."""
        view = state.view
        answer = self._device.answer(state.question, view.prepared, view.reached(), emit)
        if answer.head:
            view.note(answer.head)
        self._router.learn_device(answer.parts, self._clock())
        self._router.learn_local(answer.tokens)
        return answer

    def good(self, local: LocalAnswer) -> bool:
        """Whether the cloud would hardly say anything else."""
        sure = self._device.models.probability(local.confidence)
        return sure is not None and sure >= _GOOD

    def left_ms(self, state: RequestState) -> float | None:
        """What a local answer would still take; None where none may stand in."""
        if not self._device.may_answer(state.question):
            return None
        if state.local is not None:
            return 0.0
        tiles, head = state.view.prepared.grid.tiles, state.view.reached()
        reached = head.cut if head else None
        return self._router.local_ms(tiles, reached, self.tokens(state.question), self._clock())

    def tokens(self, question: Question) -> float:
        """How many steps an answer takes: tokens, or labels to be read on the device."""
        if self._device.models.compare_labels:
            return self._device.models.unread_labels(question)
        return self._router.tokens(self.max_tokens(question))

    def max_tokens(self, question: Question) -> int:
        """How long the answer may be."""
        return question.generation.max_tokens or self._limit


def pass_on(state: RequestState, text: str, tell: Tell) -> None:
    """Tell a piece of the device's own answer; who is more urgent goes first. Raises Cancelled."""
    state.turn.give_way()
    tell(text)
