"""What applications ask, answered beside the standing questions."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.agent.http.refusals import BUSY, Refused
from edge.agent.observing.asking import Asking
from edge.agent.observing.standing_answer import Observer, StandingAnswer
from edge.agent.sources.frame import Frame
from edge.pictures.resampling import Picture
from edge.policy.decision import Weights
from edge.requests.answer import Answer
from edge.requests.trace import ignore_text
from protos import inference_pb2 as pb
from protos.arms.rules import Rules

SOURCE = "http"  # the source that applications' pictures are of


@dataclass(frozen=True)
class QuestionAsked:
    """What an application asks."""

    picture: Picture
    text: str
    rules: Rules
    generation: pb.Generation
    labels: tuple[str, ...] = ()


class Applications:
    """Asks for them, at most `max_waiting` at once, and tells every observer each answer."""

    def __init__(
        self, asking: Asking, rules: Rules, weights: Weights, observers: Sequence[Observer], max_waiting: int
    ) -> None:
        self._asking, self.rules, self._weights = asking, rules, weights
        self._observers, self._max_waiting = observers, max_waiting
        self._waiting, self._sequence = 0, 0

    async def answer(
        self,
        asked: QuestionAsked,
        on_text: Callable[[str], None] = ignore_text,
        on_restart: Callable[[str], None] = ignore_text,
    ) -> Answer:
        """Raises as `Orchestrator.answer`; Refused where too many wait."""
        if self._waiting >= self._max_waiting:
            raise Refused(BUSY, f"{self._waiting} requests wait already; ask again later", retry_seconds=1)
        self._waiting += 1
        try:
            answer = await self._asking.answer(
                asked.picture,
                asked.text,
                asked.rules,
                weights=self._weights,
                generation=asked.generation,
                labels=asked.labels,
                on_text=on_text,
                on_restart=on_restart,
            )
        finally:
            self._waiting -= 1
        self._sequence += 1
        frame = Frame(SOURCE, self._sequence, time.time(), asked.picture)
        for observe in self._observers:
            await observe(StandingAnswer(frame, asked.text, answer.text, answer))
        return answer
