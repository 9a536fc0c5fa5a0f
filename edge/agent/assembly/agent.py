"""The agent: its parts, in one task group."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

import anyio

from edge import config
from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import Models
from edge.agent.assembly.outbox import opened_outbox
from edge.agent.config.settings import AgentSettings
from edge.agent.events.event import Event, Owner
from edge.agent.events.events import Events, opened_events
from edge.agent.observing.asking import SharedOrchestrator
from edge.agent.observing.deferral import Deferring
from edge.agent.observing.standing_answer import Observer
from edge.agent.observing.watcher import Watcher
from edge.agent.settings.names import machine_name
from edge.agent.sources.kinds import AnySource
from edge.requests.turn import Priority

if TYPE_CHECKING:
    from edge.agent.http.application import HttpPart

_SAVE_SECONDS = 60.0


async def run_agent(
    settings: AgentSettings, models: Models, kept: KeptParts, observers: Sequence[Observer]
) -> None:
    """Until every source has ended, for ever where applications may ask. Raises RequestError for a token's
    file that holds none, OutboxError.
    """
    http = _http_part(settings, models, kept)
    standing = SharedOrchestrator(models.orchestrator, Priority.STANDING)
    sources = [source for source in settings.source if source.enabled]
    for source in settings.source:
        if not source.enabled:
            kept.status.source(source.name).entered("disabled")
    with ExitStack() as opened:
        events = opened.enter_context(_events(settings, sources, http))
        observers = [events, *observers, *(http.observers if http else ())]
        outbox = opened.enter_context(opened_outbox(settings, models.client, standing, observers))
        told = [*observers, outbox.sender.observe] if outbox else observers
        async with anyio.create_task_group() as background:
            background.start_soon(_save, kept, name="save the day's budgets")
            background.start_soon(events.run, name="events")
            if outbox:
                background.start_soon(outbox.sender.run, name="outbox")
            async with anyio.create_task_group() as tasks:
                if settings.http and http:
                    from edge.agent.assembly.serving import server_of

                    await tasks.start(server_of(settings.http, http, outbox).run, name="http")
                for source in sources:
                    keeper = outbox.keeper if outbox else None
                    watcher = _watcher(settings, source, standing, kept, told, keeper)
                    tasks.start_soon(watcher.run, kept.opening(source.name), name=f"watch {source.name}")
            background.cancel_scope.cancel()


def _http_part(settings: AgentSettings, models: Models, kept: KeptParts) -> "HttpPart | None":
    """None where nothing listens; then what serves is not loaded either."""
    if not settings.http:
        return None
    from edge.agent.assembly.serving import http_part

    return http_part(settings, settings.http, models, kept)


def _events(
    settings: AgentSettings, sources: Sequence[AnySource], http: "HttpPart | None"
) -> AbstractContextManager[Events]:
    def show(event: Event) -> None:
        if http:
            words = f"{event.event} {event.phase}: {event.text}"
            http.feed.happened(event.at.timestamp(), event.source, words)

    owner = Owner(settings.fleet, settings.device or machine_name())
    return opened_events(sources, settings.sink, settings.event_log, owner, show)


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


async def _save(kept: KeptParts) -> None:
    """Every minute, so that a process that is killed loses little."""
    while True:
        await anyio.sleep(_SAVE_SECONDS)
        kept.budgets.save(config.day_file())
