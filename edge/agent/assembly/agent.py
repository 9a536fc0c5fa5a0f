"""The agent: its parts, in one task group."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import anyio

from edge import config
from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import Models
from edge.agent.assembly.outbox import opened_outbox
from edge.agent.config.settings import AgentSettings
from edge.agent.events.event import Event
from edge.agent.events.events import Events, opened_events
from edge.agent.observing.asking import SharedOrchestrator
from edge.agent.observing.deferral import Deferring
from edge.agent.observing.standing_answer import Observer
from edge.agent.observing.watcher import Watcher
from edge.agent.outbox.outbox import Outbox
from edge.agent.sources.kinds import AnySource
from edge.agent.sources.kinds.push import PushSource
from edge.agent.status.agent_status import AgentStatus, nothing_waits
from edge.requests.turn import Priority
from protos.errors import OutboxError

if TYPE_CHECKING:
    from edge.agent.http.application import HttpPart

_SAVE_SECONDS = 60.0
# for what is under way when other settings or another bundle take over: a picture that was pushed is
# accepted, so its question has as long as any may take (life.py)
_SOURCES_SECONDS, _APPLICATIONS_SECONDS = 120.0, 10.0


async def run_agent(
    settings: AgentSettings,
    models: Models,
    kept: KeptParts,
    observers: Sequence[Observer],
    leave: anyio.Event | None = None,
    *,
    of_applications: Sequence[Observer] = (),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Until every source has ended, for ever where applications may ask; or until `leave` is set, and what is
    under way is answered. `of_applications` are told what applications are answered, `ready` is called when
    they may ask. Raises RequestError for a token's file that holds none, OutboxError.
    """
    http = _http_part(settings, models, kept, of_applications)
    standing = SharedOrchestrator(models.orchestrator, Priority.STANDING, kept.status.traffic)
    sources = _enabled(settings.source, kept)
    with ExitStack() as opened:
        events = opened.enter_context(_events(settings, sources, http))
        observers = [events, *observers, *(http.observers if http else ())]
        outbox = opened.enter_context(opened_outbox(settings, models.client, standing, observers))
        if outbox:
            opened.enter_context(_counted(outbox.outbox, kept.status))
        told = [*observers, outbox.sender.observe] if outbox else observers
        keeper = outbox.keeper if outbox else None
        watched = Watchers(
            {source.name: _watcher(settings, source, standing, kept, told, keeper) for source in sources},
            kept,
        )
        async with anyio.create_task_group() as background:
            background.start_soon(_save, kept, name="save the day's budgets")
            background.start_soon(events.run, name="events")
            if outbox:
                background.start_soon(outbox.sender.run, name="outbox")
            async with anyio.create_task_group() as tasks:
                if settings.http and http:
                    from edge.agent.assembly.serving import application_of

                    application = application_of(http, outbox)
                    await tasks.start(kept.front.serve, settings.http, application, name="http")
                else:
                    kept.front.stop()
                tasks.start_soon(watched.run, name="sources")
                ready()
                if leave:
                    background.start_soon(_leave, leave, watched, kept, tasks.cancel_scope, name="leave")
            background.cancel_scope.cancel()


def _enabled(sources: Sequence[AnySource], kept: KeptParts) -> Sequence[AnySource]:
    """Those that are opened; it is told which are not, and pushed pictures wait for those alone."""
    for source in sources:
        if not source.enabled:
            kept.status.source(source.name).entered("disabled")
    found = [source for source in sources if source.enabled]
    kept.inboxes.keep({source.name: source.queue for source in found if isinstance(source, PushSource)})
    return found


class Watchers:
    """The watchers of all sources."""

    def __init__(self, watchers: Mapping[str, Watcher], kept: KeptParts) -> None:
        self._watchers, self._ended = watchers, anyio.Event()
        self._openings = {name: kept.opening(name) for name in watchers}

    async def run(self) -> None:
        """Until every source has ended."""
        async with anyio.create_task_group() as tasks:
            for name, watcher in self._watchers.items():
                tasks.start_soon(watcher.run, self._openings[name], name=f"watch {name}")
        self._ended.set()

    async def drain(self) -> None:
        """No more frames are taken; returns once what was asked of those that were is answered."""
        for name, watcher in self._watchers.items():
            self._openings[name].closing.set()
            watcher.leave()
        await self._ended.wait()


async def _leave(leave: anyio.Event, watched: Watchers, kept: KeptParts, running: anyio.CancelScope) -> None:
    """Once it is set, end what runs when it is drained, or when that takes too long."""
    await leave.wait()
    with anyio.move_on_after(_SOURCES_SECONDS):  # while applications are answered as before
        await watched.drain()
    with anyio.move_on_after(_APPLICATIONS_SECONDS):
        await kept.front.drain()
    running.cancel()


def _http_part(
    settings: AgentSettings, models: Models, kept: KeptParts, observers: Sequence[Observer]
) -> "HttpPart | None":
    """None where nothing listens; then what serves is not loaded either."""
    if not settings.http:
        return None
    from edge.agent.assembly.serving import http_part

    return http_part(settings, settings.http, models, kept, observers)


def _events(
    settings: AgentSettings, sources: Sequence[AnySource], http: "HttpPart | None"
) -> AbstractContextManager[Events]:
    def show(event: Event) -> None:
        if http:
            words = f"{event.event} {event.phase}: {event.text}"
            http.feed.happened(event.at.timestamp(), event.source, words)

    return opened_events(sources, settings.sink, settings.event_log, settings.owner, show)


def _watcher(
    settings: AgentSettings,
    source: AnySource,
    asking: SharedOrchestrator,
    kept: KeptParts,
    observers: Sequence[Observer],
    deferring: Deferring | None,
) -> Watcher:
    rules, weights = source.rules or settings.rules, source.weights or settings.weights
    return Watcher(
        source,
        asking,
        observers,
        rules.rules(),
        weights.weights(),
        counters=kept.status.source(source.name),
        budgets=kept.budgets,
        deferring=deferring,
    )


@contextmanager
def _counted(outbox: Outbox, status: AgentStatus) -> Iterator[None]:
    """Within, the agent's status tells what waits in the outbox."""

    def backlog() -> tuple[int, int]:
        with suppress(OutboxError):
            found = outbox.backlog()
            return found.waiting, found.bytes
        return nothing_waits()

    status.backlog = backlog
    try:
        yield
    finally:
        status.backlog = nothing_waits


async def _save(kept: KeptParts) -> None:
    """Every minute, so that a process that is killed loses little."""
    while True:
        await anyio.sleep(_SAVE_SECONDS)
        kept.budgets.save(config.day_file())
