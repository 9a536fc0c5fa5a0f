"""The agent: its parts, in one task group."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio

from edge.agent.config.settings import AgentSettings
from edge.agent.events.event import Owner
from edge.agent.events.events import opened_events
from edge.agent.observing.asking import OneByOne
from edge.agent.observing.standing_answer import Observer
from edge.agent.observing.watcher import Watcher
from edge.agent.settings.names import machine_name
from edge.agent.sources.kinds import AnySource
from edge.costs.known import known_profile
from edge.link.client import CloudClient
from edge.requests.orchestrator import Orchestrator
from protos.terminal.options import open_bundle


async def run_agent(settings: AgentSettings, observers: Sequence[Observer]) -> None:
    """Until every source has ended. Raises what makes an agent impossible: a bundle, an address."""
    sources = [source for source in settings.source if source.enabled]
    owner = Owner(settings.fleet, settings.device or machine_name())
    with (
        opened_events(sources, settings.sink, settings.event_log, owner) as events,
        _orchestrator(settings) as orchestrator,
    ):
        asking = OneByOne(orchestrator)
        async with anyio.create_task_group() as parts:
            parts.start_soon(events.run, name="events")
            async with anyio.create_task_group() as tasks:
                for source in sources:
                    watcher = _watcher(settings, source, asking, [events, *observers])
                    tasks.start_soon(watcher.run, name=f"watch {source.name}")
            parts.cancel_scope.cancel()


def _watcher(
    settings: AgentSettings, source: AnySource, asking: OneByOne, observers: Sequence[Observer]
) -> Watcher:
    rules, weights = source.rules or settings.rules, source.weights or settings.weights
    return Watcher(source, asking, observers, rules.rules(), weights.weights())


@contextmanager
def _orchestrator(settings: AgentSettings) -> Iterator[Orchestrator]:
    bundle = open_bundle(settings.bundle)
    profile = known_profile(bundle, settings.threads, settings.provider)
    client = CloudClient(settings.cloud.peer()) if settings.cloud else None
    try:
        orchestrator = Orchestrator(
            bundle, client, profile, threads=settings.threads, provider=settings.provider
        )
        orchestrator.prepare()
        yield orchestrator
    finally:
        if client:
            client.close()
