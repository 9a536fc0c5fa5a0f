"""What applications ask, answered beside the standing questions."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.agent.observing.asking import Asking
from edge.agent.observing.deferral import Asked, Deferring
from edge.agent.observing.standing_answer import AskedTerms, Observer, StandingAnswer
from edge.agent.outbox.entries import DeferredState
from edge.agent.settings.quantities import Milliseconds
from edge.agent.sources.frame import Frame
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.trace import ignore_text
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.costs.weights import Weights
from protos.errors import IsthmusError
from protos.http.refusals import BUSY, Refused

SOURCE = "http"  # the source that applications' pictures are of


@dataclass(frozen=True)
class QuestionAsked:
    """What an application asks."""

    picture: Picture
    text: str
    rules: Rules
    generation: pb.Generation
    labels: tuple[str, ...] = ()
    defer: Milliseconds | None = None  # how long it may wait, where it cannot be answered now


class DeferredQuestions(Deferring, Protocol):
    """The seam: who keeps questions until there is a link, and their answers for a while."""

    @property
    def max_defer(self) -> Milliseconds:
        """The longest that one is kept."""

    async def answer(self, identity: str) -> DeferredState:
        """How far one is. Raises RequestError for one that is not known, OutboxError."""


class Applications:
    """Asks for them, at most `max_waiting` at once, and tells every observer each answer."""

    def __init__(
        self,
        asking: Asking,
        rules: Rules,
        weights: Weights,
        observers: Sequence[Observer],
        max_waiting: int,
        deferring: DeferredQuestions | None = None,
    ) -> None:
        self._asking, self.rules, self._weights = asking, rules, weights
        self._deferring = deferring
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
        terms = AskedTerms(asked.text, asked.rules, asked.generation, asked.labels)
        for observe in self._observers:
            await observe(StandingAnswer(frame, asked.text, answer.text, answer, terms=terms))
        return answer

    async def answer_or_defer(self, asked: QuestionAsked) -> Answer | DeferredState:
        """The answer; or, of a question with `defer` that cannot be answered now, that it waits. Raises as
        `answer`.
        """
        try:
            return await self.answer(asked)
        except IsthmusError as error:
            if asked.defer is None or self._deferring is None:
                raise
            kept = Asked(
                asked.picture,
                asked.text,
                asked.rules,
                self._weights,
                asked.defer,
                asked.generation,
                asked.labels,
            )
            return await self._deferring.answer(await self._deferring.defer(kept, error))
