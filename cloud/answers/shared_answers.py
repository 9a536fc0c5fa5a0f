"""The same question about the same frame is run once: who asks while it runs gets the same stream, who asks
later what was said.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cloud.answers.answer_store import AnswerKey, AnswerStore, KeptAnswer, answer_key
from cloud.answers.run import Run
from cloud.engine.engine import Engine
from cloud.engine.job import NEVER, Event, Job, Screen, milliseconds_since
from protos import inference_pb2 as ip


@dataclass(eq=False)
class _Listener:
    job: Job
    deadline: float  # that of the job which runs may be put off
    taking: float = NEVER  # since when it has been at one of the events


class Flight(Run):
    """A run of a job, for all whose jobs ask the same. It goes on until the last of their deadlines, and
    while one of them reads.
    """

    def __init__(self, job: Job, screen: Screen | None = None) -> None:
        """`screen`: what each who waits gets the events through."""
        super().__init__()
        self.job, self.ran, self._screen = job, True, screen  # `ran`: the model did
        self.task: asyncio.Task[None] | None = None  # once it has begun
        self._listeners: set[_Listener] = set()

    @contextmanager
    def heard_by(self, job: Job) -> Iterator[AsyncIterator[Event]]:
        """The events for one who waits. The run ends where the last leaves before it is over."""
        listener = _Listener(job, job.deadline)
        self._listeners.add(listener)
        self.job.deadline = max(self.job.deadline, job.deadline)
        try:
            yield self._retold(listener)
        finally:
            self._listeners.remove(listener)
            if self.task and not self._listeners and not self.over:
                self.task.cancel()
            self._note_taking()

    @property
    def left(self) -> bool:
        """Whether it ends before it is over."""
        return not (self._listeners or self.over)

    def say(self, answer: KeptAnswer) -> None:
        """An answer that was given before."""
        self.ran = False
        if answer.text:
            self.add(answer.text)
        self.add(answer.done)

    async def _retold(self, listener: _Listener) -> AsyncIterator[Event]:
        job, first, events = listener.job, 0.0, self.events(listener.deadline)
        async for event in self._screen(job, events) if self._screen else events:
            first = first or milliseconds_since(job.arrived)
            listener.taking = time.monotonic()
            self._note_taking()
            yield self._end(event, job, first) if isinstance(event, ip.Done) else event
            listener.taking = NEVER
            self._note_taking()

    def _end(self, done: ip.Done, job: Job, first: float) -> ip.Done:
        """The end of the answer to a job, whose first event came after so many milliseconds. The model's
        times are of that job only for which it ran.
        """
        own = ip.Done()
        own.CopyFrom(done)
        if job is not self.job or not self.ran:
            total, decode = milliseconds_since(job.arrived), job.stages.decode
            own.stages.CopyFrom(
                ip.Stages(decode=decode, queue=first - decode, generate=total - first, total=total)
            )
            job.stages.CopyFrom(own.stages)
        return own

    def _note_taking(self) -> None:
        """An answer is unread where nobody waits for more of it."""
        self.job.taking = max((listener.taking for listener in self._listeners), default=NEVER)


class SharedAnswers:
    """Nobody shares an answer with another owner. Without a store, each job is run by itself. Belongs to the
    event loop.
    """

    def __init__(self, engine: Engine, store: AnswerStore | None, screen: Screen | None = None) -> None:
        """`screen`: what every answer passes on its way out; what is kept is what the model said."""
        self._engine, self._store, self.screen = engine, store, screen
        self._flights: dict[AnswerKey, Flight] = {}
        self.joined = 0  # jobs that had a run of another to wait for

    @contextmanager
    def answering(self, job: Job) -> Iterator[AsyncIterator[Event]]:
        """Have the job answered; closing takes it out, wherever it is. Raises CloudBusy."""
        key = answer_key(job)
        if self._store is None or key is None:
            with self._engine.holding(job):
                yield job.events(self.screen)
            return
        flight = self._flight(self._store, key, job)
        try:
            with flight.heard_by(job) as events:
                yield events
        finally:
            if flight.left:
                self._forget(key, flight)

    def may_have(self, owner: str) -> bool:
        """Whether this owner may get an answer without a run of their own: from the store, or from a run."""
        if not (self._store and owner):
            return False
        return any(key.owner == owner for key in self._flights) or self._store.may_have(owner)

    def expire(self) -> None:
        """Free the memory of answers that are kept no more."""
        if self._store:
            self._store.expire()

    async def close(self) -> None:
        """End what still runs, and let go of the store."""
        if tasks := [flight.task for flight in self._flights.values() if flight.task]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if self._store:
            await self._store.close()

    def _flight(self, store: AnswerStore, key: AnswerKey, job: Job) -> Flight:
        if flight := self._flights.get(key):
            self.joined += 1
            return flight
        flight = self._flights[key] = Flight(job, self.screen)
        flight.task = asyncio.create_task(self._fly(store, key, flight), name=f"answer {key.name}")
        return flight

    def _forget(self, key: AnswerKey, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _fly(self, store: AnswerStore, key: AnswerKey, flight: Flight) -> None:
        try:
            with flight.working():
                await self._answer(store, key, flight)
        finally:
            self._forget(key, flight)

    async def _answer(self, store: AnswerStore, key: AnswerKey, flight: Flight) -> None:
        """From the store, else by a run of the model, which is kept there."""
        if kept := await store.get(key):
            flight.say(kept)
            return
        with self._engine.holding(flight.job):
            while not flight.over:
                flight.add(await flight.job.next_event())
        text, end = flight.whole()
        if isinstance(end, ip.Done):
            await store.put(key, KeptAnswer(text, end))
