"""A source watched: its standing questions asked of its frames."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import anyio

from edge.agent.budgets.day import Budget, DayBudgets
from edge.agent.gating.gate import Features
from edge.agent.observing.asking import Viewing
from edge.agent.observing.confirming import Confirming
from edge.agent.observing.deferral import Asked, Deferring, Subject
from edge.agent.observing.reuse import Look, Reuse
from edge.agent.observing.standing_answer import AskedTerms, Observer, StandingAnswer
from edge.agent.settings.questions import QuestionSettings
from edge.agent.sources.demand import Demand
from edge.agent.sources.frame import Frame
from edge.agent.sources.frames import frames_of
from edge.agent.sources.kinds import AnySource
from edge.agent.sources.opening import Opening
from edge.agent.status.counters import SourceCounters
from edge.link.standing import Standing
from edge.requests.view import View
from protos.arms.rules import Rules
from protos.costs.weights import Weights
from protos.errors import IsthmusError

# of one source: answers in a row that wait to be confirmed, and what their pictures take meanwhile
_MAX_UNCONFIRMED, _MAX_UNCONFIRMED_BYTES = 24, 32 << 20

_log = logging.getLogger(__name__)


class Watcher:
    """Asks a source's questions of its frames, at most at its rate, and tells every observer each answer.

    A question that cannot be answered is logged, and the next frame comes; one with `defer` is kept by
    `deferring`, which tells the observers later.
    """

    def __init__(
        self,
        source: AnySource,
        asking: Viewing,
        observers: Sequence[Observer],
        rules: Rules,
        weights: Weights,
        *,
        counters: SourceCounters,
        budgets: DayBudgets,
        deferring: Deferring | None = None,
    ) -> None:
        self._source, self._asking, self._observers = source, asking, observers
        self._rules, self._weights, self._counters, self._budgets = rules, weights, counters, budgets
        self._budget = Budget(source.bytes_per_day, source.joules_per_day)
        self._deferring = deferring
        self._reuse, self._held_by, self._failing = Reuse(source.gate, self._features), "", dict[str, str]()
        self._viewed: tuple[Frame, View] | None = None  # of the frame that was asked about last
        self._standing = {one.name: Standing(one.threshold) for one in source.question}
        self._confirming = dict[str, Confirming]()
        self._left = False
        self._demand: Demand | None = None

    async def run(self, opening: Opening) -> None:
        """Until the source ends."""
        self._counters.entered("opening")
        with ExitStack() as streams:
            for standing in self._standing.values():
                streams.callback(standing.close)
            async with anyio.create_task_group() as tasks:
                for question in self._source.question:
                    confirming = Confirming(self._tell_asked, partial(self._ask_again, question))
                    self._confirming[question.name] = confirming
                    tasks.start_soon(confirming.run, name=f"confirm {self._source.name} {question.name}")
                await self._watch(opening)
                for standing in self._standing.values():
                    standing.finish()
                for confirming in self._confirming.values():
                    confirming.end()

    async def _watch(self, opening: Opening) -> None:
        async with frames_of(
            self._source, self._source.rate.seconds, opening, self._counters
        ) as self._demand:
            while (frame := await self._next(self._demand)) is not None:
                look = await self._reuse.look(frame)
                for question in self._source.question:
                    await self._observe(frame, question, look)

    def leave(self) -> None:
        """Wait for no frame of a live source any more; others end by themselves when they are closed."""
        self._left = True
        if self._source.live and self._demand:
            self._demand.release()

    async def _next(self, demand: Demand) -> Frame | None:
        return None if self._left and self._source.live else await demand.take()

    async def _observe(self, frame: Frame, question: QuestionSettings, look: Look | None) -> None:
        if look and (known := await self._reuse.answer(question.name, look)):
            self._counters.gated()
            await self._tell(known)
            return
        rules = self._rules_now()
        if rules is None:
            self._counters.held()
            return
        standing = self._standing[question.name]
        standing.max_unconfirmed = self._max_unconfirmed(frame)
        answer = await self._ask(frame, question, rules, standing)
        if answer is None:
            return
        if look:
            await self._reuse.keep(look, answer)
        await self._confirming[question.name].tell(answer)

    def _max_unconfirmed(self, frame: Frame) -> int:
        """Behind a gate each frame has changed, and its answer is what others are given at once."""
        if self._source.gate.enabled:
            return 0
        return min(_MAX_UNCONFIRMED, _MAX_UNCONFIRMED_BYTES // frame.picture.nbytes)

    async def _ask_again(self, question: QuestionSettings, held: StandingAnswer) -> None:
        """Of a frame that the cloud has left without an answer, in a request of its own."""
        rules, lost = self._rules_now(), held.answer
        if rules is None:
            self._counters.held()
            return
        answer = await self._ask(held.frame, question, rules, None)
        if answer is None:
            return
        both = replace(
            answer.answer,
            bytes_up=lost.bytes_up + answer.answer.bytes_up,
            joules=lost.joules + answer.answer.joules,
        )
        await self._tell_asked(replace(answer, answer=both, late=held.late))

    async def _ask(
        self, frame: Frame, question: QuestionSettings, rules: Rules, standing: Standing | None
    ) -> StandingAnswer | None:
        """In the stream of its question, or without one once more, by itself. None where it cannot be
        answered; why is said once, until it can be answered again.
        """
        try:
            with self._counters.asking(again=standing is None):
                answer = await self._asking.answer(
                    await self._view(frame),
                    question.text,
                    rules,
                    weights=self._weights,
                    generation=question.generation(),
                    labels=question.labels,
                    standing=standing,
                )
        except IsthmusError as error:
            self._counters.failed(error)
            if await self._defers(frame, question, rules, error):
                return None
            if self._failing.get(question.name) != type(error).__name__:
                _log.warning("source %s, question %s: %s", frame.source, question.name, error)
            self._failing[question.name] = type(error).__name__
            return None
        self._failing.pop(question.name, None)
        self._budgets.spend(frame.source, answer.bytes_up, answer.joules)
        terms = AskedTerms(question.text, rules, question.generation(), question.labels)
        return StandingAnswer(frame, question.name, answer.text, answer, answer.repeats, terms=terms)

    async def _defers(
        self, frame: Frame, question: QuestionSettings, rules: Rules, error: IsthmusError
    ) -> bool:
        """Whether a question that failed is kept until it can be answered."""
        if not self._deferring or question.defer is None:
            return False
        subject = Subject(frame.source, frame.sequence, frame.taken, question.name)
        asked = Asked(
            frame.picture,
            question.text,
            rules,
            self._weights,
            question.defer,
            question.generation(),
            question.labels,
            subject,
        )
        try:
            identity = await self._deferring.defer(asked, error)
        except IsthmusError:
            return False
        _log.info("source %s, question %s: deferred as %s", frame.source, question.name, identity)
        return True

    async def _view(self, frame: Frame) -> View:
        """One for all questions about a frame."""
        if self._viewed is None or self._viewed[0] is not frame:
            self._viewed = frame, await self._asking.view(frame.picture, frame.source, frame.sequence)
        return self._viewed[1]

    async def _features(self, frame: Frame) -> Features:
        return await self._asking.features(await self._view(frame))

    async def _tell_asked(self, seen: StandingAnswer) -> None:
        """Count it, and tell it."""
        self._counters.answered(seen.answer.route, seen.answer.bytes_up, seen.answer.joules)
        if seen.reused is not None:
            self._counters.as_before()
        await self._tell(seen)

    async def _tell(self, answer: StandingAnswer) -> None:
        for observe in self._observers:
            await observe(answer)

    def _rules_now(self) -> Rules | None:
        """The rules while the day's budgets last; stricter ones when they are spent, None where no question
        may be asked.
        """
        spent = self._budgets.over(self._source.name, self._budget)
        if spent != self._held_by:
            self._held_by = spent
            self._counters.held_by(spent)
            _log.warning("source %s: %s", self._source.name, _words(spent, alone=self._rules.allow_local))
        if not spent:
            return self._rules
        if spent == "joules" or not self._rules.allow_local:
            return None
        return replace(self._rules, never_leave_device=True)


def _words(spent: str, *, alone: bool) -> str:
    if not spent:
        return "a new day, its budget counts anew"
    if spent == "bytes" and alone:
        return "the day's bytes are sent; its questions are answered on this device until the next day (UTC)"
    return f"the day's {spent} are used; its questions are not asked until the next day (UTC)"
