"""What is wished of the device: tried, and kept or taken back."""

import logging
from collections.abc import Callable
from typing import Protocol

from edge.agent.budgets.day import DayBudgets
from edge.agent.fleet.consider import DeviceNow
from edge.agent.fleet.shadow import Shadow
from edge.agent.fleet.tasks import TaskAgent
from edge.agent.status.update_status import UpdateStatus
from protos.errors import IsthmusError

_log = logging.getLogger(__name__)


class SteeredAgent(TaskAgent, Protocol):
    """The seam: what the fleet's part needs of the agent that runs."""

    @property
    def budgets(self) -> DayBudgets:
        """What each source has spent today."""

    async def reload(self) -> None:
        """Take the settings again. Raises IsthmusError where the old ones stay."""


class Steering:
    """One wish after another. For the event loop's thread."""

    def __init__(self, shadow: Shadow, update: UpdateStatus, tell: Callable[[], None]) -> None:
        """`tell`: what is reported has changed."""
        self._shadow, self._update, self._tell = shadow, update, tell

    async def step(self, agent: SteeredAgent, desired: bytes | None, own: str) -> None:
        """Take a message of `shadow/desired`, if there is one, and see what has become of what is tried.
        `own`: the digest of the file's bundle. Raises RequestError where the disk fails.
        """
        if desired is not None:
            await self._take(agent, desired, own)
        await self._prove(agent)

    async def _take(self, agent: SteeredAgent, desired: bytes, own: str) -> None:
        if await self._shadow.take(desired, DeviceNow(agent.base, agent.models.orchestrator.bundle, own)):
            self._update.begins_anew()  # another try of the same bundle is one
            self._tell()
            await self._reload(agent)

    async def _prove(self, agent: SteeredAgent) -> None:
        """Whether what is tried has proved to be possible, or not to be."""
        trying, update = self._shadow.trying, self._update
        if not trying:
            return
        digest, conflict = trying.settings.bundle.digest, self._shadow.conflict
        opened = not digest or (agent.models.key.bundle == digest and not update.on_trial)
        if conflict and conflict.version == trying.version:
            await self._take_back(agent, conflict.text)
        elif digest and update.given_up[0] == digest:
            await self._take_back(agent, update.given_up[1])
        elif opened and self._shadow.version == trying.version:
            await self._shadow.settle()

    async def _take_back(self, agent: SteeredAgent, words: str) -> None:
        await self._shadow.fail(words)
        await self._reload(agent)

    async def _reload(self, agent: SteeredAgent) -> None:
        try:
            await agent.reload()
        except IsthmusError as error:
            if self._shadow.trying:
                await self._shadow.fail(str(error))
            else:
                _log.error("fleet: the settings cannot be taken again: %s", error)
