"""The agent: its parts, in one task group."""

from collections.abc import Sequence

import anyio

from edge import config
from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import Models
from edge.agent.config.settings import AgentSettings
from edge.agent.observing.asking import OneByOne
from edge.agent.observing.standing_answer import Observer
from edge.agent.observing.watcher import Watcher
from edge.agent.sources.kinds import AnySource

_SAVE_SECONDS = 60.0


async def run_agent(
    settings: AgentSettings, models: Models, kept: KeptParts, observers: Sequence[Observer]
) -> None:
    """Until every source has ended."""
    asking = OneByOne(models.orchestrator)
    async with anyio.create_task_group() as saving:
        saving.start_soon(_save, models, kept, asking, name="save what was learned")
        async with anyio.create_task_group() as tasks:
            for source in settings.source:
                if source.enabled:
                    watcher = _watcher(settings, source, asking, kept, observers)
                    tasks.start_soon(watcher.run, kept.opening(source.name), name=f"watch {source.name}")
                else:
                    kept.status.source(source.name).entered("disabled")
        saving.cancel_scope.cancel()


def _watcher(
    settings: AgentSettings,
    source: AnySource,
    asking: OneByOne,
    kept: KeptParts,
    observers: Sequence[Observer],
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
    )


async def _save(models: Models, kept: KeptParts, asking: OneByOne) -> None:
    """Every minute, so that a process that is killed loses little."""
    while True:
        await anyio.sleep(_SAVE_SECONDS)
        kept.budgets.save(config.day_file())
        async with asking.paused():
            models.save()
