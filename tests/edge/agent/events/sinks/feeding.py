"""A sink at work on a feed of its own."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio

from edge.agent.events.backlog import Backlog, MemoryBacklog
from edge.agent.events.current import Current
from edge.agent.events.event import Event, Watched
from edge.agent.events.log.event_log import Kept, LogEntry
from edge.agent.events.rules.rule import RuleState
from edge.agent.events.sinks.sink import Sink, SinkFeed
from tests.edge.agent.events.sightings import OWNER, QUESTION, SOURCE, TAKEN

WATCHED = (
    Watched(SOURCE, QUESTION, "person", True, ("it",)),
    Watched(SOURCE, QUESTION, "change", False, ("it",)),
)


def feed(backlog: Backlog | None = None) -> SinkFeed:
    questions = [(SOURCE, QUESTION)]
    return SinkFeed("it", OWNER, backlog or MemoryBacklog(), Current(), WATCHED, questions)


async def put(fed: SinkFeed, *events: Event) -> None:
    for event in events:
        await fed.backlog.add(LogEntry(event, ["it"], Kept(RuleState(), TAKEN)))


def waits(fed: SinkFeed) -> bool:
    """Whether an event has not been taken."""
    assert isinstance(fed.backlog, MemoryBacklog)
    return fed.backlog.first("it") is not None


async def until(holds: Callable[[], object]) -> None:
    """Returns once it holds."""
    with anyio.fail_after(60):
        while True:
            if holds():
                return
            await anyio.sleep(0.01)


@asynccontextmanager
async def running(sink: Sink, fed: SinkFeed, events: Sequence[Event] = ()) -> AsyncIterator[None]:
    """With these events; it is cancelled at the end, as when an agent stops."""
    await put(fed, *events)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sink.run, fed)
        with anyio.fail_after(60):
            yield
        tasks.cancel_scope.cancel()
