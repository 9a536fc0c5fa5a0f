"""A source watched: its standing questions asked of its frames."""

import logging
from collections.abc import Sequence

import anyio

from edge.agent.observing.asking import Asking
from edge.agent.observing.deferral import Asked, Deferring, Subject
from edge.agent.observing.standing_answer import Observer, StandingAnswer
from edge.agent.settings.questions import QuestionSettings
from edge.agent.sources.frame import Frame
from edge.agent.sources.frames import FrameReader
from edge.agent.sources.kinds import AnySource
from edge.policy.decision import Weights
from protos.arms.rules import Rules
from protos.errors import IsthmusError

_log = logging.getLogger(__name__)


class Watcher:
    """Asks a source's questions of its frames, at most at its rate, and tells every observer each answer.

    A question that cannot be answered is logged, and the next frame comes; one with `defer` is kept by
    `deferring`, which tells the observers later.
    """

    def __init__(
        self,
        source: AnySource,
        asking: Asking,
        observers: Sequence[Observer],
        rules: Rules,
        weights: Weights,
        deferring: Deferring | None = None,
    ) -> None:
        self._source, self._asking, self._observers = source, asking, observers
        self._rules, self._weights, self._deferring = rules, weights, deferring
        self._reader = FrameReader(source, self._lost)

    async def run(self) -> None:
        """Until the source ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._reader.run, name=f"read {self._source.name}")
            async for frame in self._reader.frames():
                begun = anyio.current_time()
                for question in self._source.question:
                    await self._observe(frame, question)
                await anyio.sleep_until(begun + self._source.rate.seconds)

    async def _observe(self, frame: Frame, question: QuestionSettings) -> None:
        try:
            answer = await self._asking.answer(
                frame.picture,
                question.text,
                self._rules,
                weights=self._weights,
                generation=question.generation(),
                labels=question.labels,
            )
        except IsthmusError as error:
            await self._failed(frame, question, error)
            return
        for observe in self._observers:
            await observe(StandingAnswer(frame, question.name, answer.text, answer))

    async def _failed(self, frame: Frame, question: QuestionSettings, error: IsthmusError) -> None:
        if self._deferring and question.defer is not None:
            subject = Subject(frame.source, frame.sequence, frame.taken, question.name)
            asked = Asked(
                frame.picture,
                question.text,
                self._rules,
                self._weights,
                question.defer,
                question.generation(),
                question.labels,
                subject,
            )
            try:
                identity = await self._deferring.defer(asked, error)
            except IsthmusError as refusal:
                error = refusal
            else:
                _log.info("%s, question %s: deferred as %s", frame.source, question.name, identity)
                return
        _log.warning("%s, question %s: %s", frame.source, question.name, error)

    def _lost(self, error: IsthmusError) -> None:
        _log.warning("%s: %s", self._source.name, error)
