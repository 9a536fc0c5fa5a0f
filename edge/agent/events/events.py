"""Events: an answer that matches a rule begins one, and sinks are told."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import anyio
import anyio.to_thread

from edge.agent.events.backlog import Backlog, open_backlog
from edge.agent.events.current import Current, StateKey
from edge.agent.events.event import Event, Owner, Phase, Watched, utc
from edge.agent.events.log.event_log import Kept, LogEntry
from edge.agent.events.rules.conditions import Observed
from edge.agent.events.rules.rule import EventRule, RuleState, event_rule
from edge.agent.events.sinks.sink import Sink, SinkFeed
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.settings.events import EventLogSettings, EventSettings
from edge.agent.sources.source import SourceSettings
from edge.pictures.thumbnail import thumbnail

_log = logging.getLogger(__name__)
_TRIM_SECONDS = 60.0


@contextmanager
def opened_events(
    sources: Sequence[SourceSettings],
    sinks: Sequence[Sink],
    log: EventLogSettings | None,
    owner: Owner,
    tell: Callable[[Event], None] = lambda _: None,
) -> Iterator["Events"]:
    """The events of these sources; what waits for a sink is in the log, or in memory where there is none.
    `tell` is called for every event, beside the sinks. Raises RequestError.
    """
    with open_backlog(log) as backlog:
        if sinks and not log:
            _log.info("events wait in memory: a restart loses what no sink has; [event-log] path keeps them")
        yield Events(sources, sinks, backlog, owner, log.thumbnail if log else 0, tell)


class _Watch:
    """One rule at work, and the event that it has begun."""

    def __init__(self, source: str, question: str, settings: EventSettings, sinks: Sequence[str]) -> None:
        chosen = tuple(sinks) if settings.sinks is None else settings.sinks
        self.watched = Watched(source, question, settings.name, not settings.changed, chosen)
        self._rule: EventRule = event_rule(settings)
        self._id, self._began = "", 0.0
        self._answer: str | None = None  # of a rule of changes, as the backlog keeps it

    @property
    def active(self) -> bool:
        return self._rule.active

    @property
    def began(self) -> float:
        return self._began

    def observe(self, seen: StandingAnswer, probability: float | None) -> Phase | None:
        phase = self._rule.observe(Observed(seen.text, probability), anyio.current_time() - seen.late)
        if phase in {"begin", "changed"}:
            self._id, self._began = uuid.uuid4().hex, seen.frame.taken
        return phase

    def event(self, phase: Phase, seen: StandingAnswer, probability: float | None, owner: Owner) -> Event:
        return Event(
            id=self._id,
            phase=phase,
            at=utc(seen.frame.taken),
            fleet=owner.fleet,
            device=owner.device,
            source=self.watched.source,
            question=self.watched.question,
            event=self.watched.event,
            text=seen.text,
            frame=seen.frame.sequence,
            route=seen.answer.route,
            probability=probability,
            began=utc(self._began) if phase == "end" else None,
        )

    def kept(self) -> Kept:
        """What another process needs to go on with it."""
        state = self._rule.state(anyio.current_time())
        self._answer = state.answer
        return Kept(state, time.time(), self._id, self._began)

    def resume(self, kept: Kept) -> None:
        """The time since then counts; a clock that has stepped back counts none."""
        state, gone = kept.state, max(0.0, time.time() - kept.at)
        self._id, self._began, self._answer = kept.id, kept.began, state.answer
        self._rule.restore(
            RuleState(state.active, state.answer, max(0.0, state.quiet - gone)), anyio.current_time()
        )

    @property
    def unkept(self) -> bool:
        """Whether the rule knows an answer that the backlog does not keep."""
        return self._rule.state(anyio.current_time()).answer != self._answer


class Events:
    """An `Observer` of answers, and a task that hands events to the sinks.

    An event that has begun is on until an answer ends it, however long a source is lost.
    """

    def __init__(
        self,
        sources: Sequence[SourceSettings],
        sinks: Sequence[Sink],
        backlog: Backlog,
        owner: Owner,
        thumbnail_side: int = 0,
        tell: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """`tell` is called for every event. Raises RequestError for rules that cannot be."""
        self._sinks, self._backlog, self._owner = sinks, backlog, owner
        self._thumbnail_side, self._tell = thumbnail_side, tell
        self._current = Current()
        names = [sink.name for sink in sinks]
        self._questions = [(source.name, question.name) for source in sources for question in source.question]
        self._watches = {
            (source.name, question.name): [
                _Watch(source.name, question.name, event, names) for event in question.event
            ]
            for source in sources
            for question in source.question
        }
        self._ready, self._in_turn = anyio.Event(), anyio.Lock()

    async def __call__(self, seen: StandingAnswer) -> None:
        """One answer, to all rules of its question."""
        await self._ready.wait()  # until what is kept is known
        probability = seen.answer.label_scores[0].probability if seen.answer.label_scores else None
        async with self._in_turn:
            for watch in self._watches.get((seen.frame.source, seen.question), ()):
                await self._observe(watch, seen, probability)
        key = StateKey("answer", seen.frame.source, seen.question)
        self._current.show(key, seen.text, utc(seen.frame.taken))

    async def run(self) -> None:
        """Until cancelled."""
        kept = await self._backlog.kept()
        for watch in chain.from_iterable(self._watches.values()):
            if known := kept.get((watch.watched.source, watch.watched.event)):
                watch.resume(known)
            self._show(watch, watch.began if watch.active else 0.0)
        self._ready.set()
        async with anyio.create_task_group() as tasks:
            for sink in self._sinks:
                tasks.start_soon(sink.run, self._feed(sink), name=f"sink {sink.name}")
            tasks.start_soon(self._trim, name="trim events")

    async def _observe(self, watch: _Watch, seen: StandingAnswer, probability: float | None) -> None:
        watched, phase = watch.watched, watch.observe(seen, probability)
        if phase:
            event = watch.event(phase, seen, probability, self._owner)
            _log.info("event %s/%s: %s", watched.source, watched.event, phase)
            small = await self._small(phase, seen)
            await self._backlog.add(LogEntry(event, watched.sinks, watch.kept(), small))
            self._tell(event)
            self._show(watch, seen.frame.taken)
        elif watch.unkept:
            await self._backlog.keep(watched.source, watched.event, watch.kept())

    def _feed(self, sink: Sink) -> SinkFeed:
        watches = chain.from_iterable(self._watches.values())
        watched = [watch.watched for watch in watches if sink.name in watch.watched.sinks]
        return SinkFeed(sink.name, self._owner, self._backlog, self._current, watched, self._questions)

    async def _small(self, phase: Phase, seen: StandingAnswer) -> bytes | None:
        if not self._thumbnail_side or phase == "end":
            return None
        return await anyio.to_thread.run_sync(thumbnail, seen.frame.picture, self._thumbnail_side) or None

    def _show(self, watch: _Watch, since: float) -> None:
        """`since`: 0 where that is not known."""
        if watch.watched.lasting:
            key = StateKey("event", watch.watched.source, watch.watched.event)
            self._current.show(key, "on" if watch.active else "off", utc(since) if since else None)

    async def _trim(self) -> None:
        while True:
            await self._backlog.trim(time.time())
            await anyio.sleep(_TRIM_SECONDS)
