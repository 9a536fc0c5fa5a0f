"""The agent: its parts, in one task group."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio

from edge.agent.assembly.serving import AgentParts, http_part, server_of
from edge.agent.assembly.outbox import opened_outbox
from edge.agent.config.settings import AgentSettings
from edge.agent.observing.asking import OneByOne
from edge.agent.observing.deferral import Deferring
from edge.agent.observing.standing_answer import Observer
from edge.agent.observing.watcher import Watcher
from edge.agent.sources.kinds import AnySource
from edge.costs.known import known_profile
from edge.link.client import CloudClient
from edge.link.link import Link
from edge.requests.orchestrator import Orchestrator
from protos.terminal.options import open_bundle


async def run_agent(settings: AgentSettings, observers: Sequence[Observer]) -> None:
    """Until every source has ended, for ever where applications may ask. Raises what makes an agent
    impossible: a bundle, an address.
    """
    """Until every source has ended. Raises what makes an agent impossible: a bundle, an outbox."""
    with _orchestrator(settings) as orchestrator:
        asking = OneByOne(orchestrator)
        with opened_outbox(settings, asking, observers) as outbox:
            async with anyio.create_task_group() as background:
                if outbox:
                    background.start_soon(outbox.sender.run, name="outbox")
                async with anyio.create_task_group() as tasks:
                    for source in settings.source:
                        if source.enabled:
                            keeper = outbox.keeper if outbox else None
                            watcher = _watcher(settings, source, asking, observers, keeper)
                            tasks.start_soon(watcher.run, name=f"watch {source.name}")
                background.cancel_scope.cancel()


def _watcher(
    settings: AgentSettings,
    source: AnySource,
    asking: OneByOne,
    observers: Sequence[Observer],
    deferring: Deferring | None,
) -> Watcher:
    rules, weights = source.rules or settings.rules, source.weights or settings.weights
    return Watcher(source, asking, observers, rules.rules(), weights.weights(), deferring)


@contextmanager
def _orchestrator(settings: AgentSettings) -> Iterator[AgentParts]:
    bundle = open_bundle(settings.bundle)
    profile = known_profile(bundle, settings.threads, settings.provider)
    client = CloudClient(settings.cloud.peer()) if settings.cloud else None
    try:
        link = Link(bundle, time.monotonic())
        orchestrator = Orchestrator(
            bundle, client, profile, link, threads=settings.threads, provider=settings.provider
        )
        orchestrator.prepare()
        yield AgentParts(bundle, orchestrator, client, link)
    finally:
        if client:
            client.close()
