"""The fleet's part of an agent in this process, with real models and no sources."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio

from edge.agent.assembly.models import Models, open_models
from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.budgets.day import DayBudgets
from edge.agent.config.reading import settings_of
from edge.agent.config.settings import AgentSettings
from edge.agent.fleet.control import FleetPart
from edge.agent.status.agent_status import AgentStatus
from protos.bundle import Bundle
from protos.errors import IsthmusError
from tests.edge.agent.fleet.operator import DEVICE, FLEET


class Agent:
    """Takes settings as `Life` does, and asks nothing."""

    def __init__(self, base: AgentSettings, models: Models) -> None:
        self.base, self.models, self.status = base, models, AgentStatus()
        self.budgets = DayBudgets()
        self.status.update.opened(models.key.bundle)
        assert isinstance(base.fleet, FleetAccess)
        self.part = FleetPart(base, base.fleet, models.key.bundle, self.status)
        self.settings, self.ended = self._taken(), False
        self.fails: IsthmusError | None = None

    async def reload(self) -> None:
        if self.fails:
            raise self.fails
        self.settings = self._taken()

    def end(self) -> None:
        self.ended = True

    def _taken(self) -> AgentSettings:
        return self.part.in_force(self.base, self.models.orchestrator.bundle)


def settings(port: int, bundle: Bundle, **more: Any) -> AgentSettings:
    fleet = {"name": FLEET, "address": f"mqtt://127.0.0.1:{port}", "telemetry": "100ms"} | more
    return settings_of({"bundle": str(bundle.path), "device": DEVICE, "fleet": fleet})


@contextmanager
def opened(base: AgentSettings) -> Iterator[Agent]:
    with open_models(base) as models:
        agent = Agent(base, models)
        try:
            yield agent
        finally:
            agent.part.close(in_order=True)


@asynccontextmanager
async def steered(agent: Agent) -> AsyncIterator[Agent]:
    """While it is connected, or tries to be."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(agent.part.run, agent)
        yield agent
        tasks.cancel_scope.cancel()
