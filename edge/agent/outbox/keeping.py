"""Questions put into the outbox where they cannot be answered now."""

import logging
import time
from collections.abc import Callable
from typing import Protocol

import anyio.to_thread
import msgspec

from edge.agent.observing.deferral import Asked
from edge.agent.outbox.entries import DeferredState, Note
from edge.agent.outbox.outbox import Outbox
from edge.agent.settings.quantities import Milliseconds
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.errors import CloudError, IsthmusError, NoRoute, OutboxError, WrongBundle

_log = logging.getLogger(__name__)
_MAY_PASS = (CloudError, NoRoute, WrongBundle)  # what waiting may help against


class Building(Protocol):
    """The seam: who makes the request that is sent later."""

    async def deferred(self, asked: Asked) -> tuple[Arm, pb.InferRequest]:
        """As `Orchestrator.deferred`."""


class Keeper:
    """Keeps questions in the outbox; `kept` is called after each."""

    def __init__(
        self,
        outbox: Outbox,
        building: Building,
        kept: Callable[[], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._outbox, self._building, self._kept, self._wall = outbox, building, kept, wall

    async def defer(self, asked: Asked, error: IsthmusError) -> str:
        """Keep a question that failed with this error: as the features of a cut, or a picture where the rules
        allow one. Its id, once it is on disk; from then on it is answered, or dropped when it is due.

        Raises the error itself where waiting does not help against it, or nothing more is kept.
        """
        if not isinstance(error, _MAY_PASS):
            raise error
        now = self._wall()
        try:
            arm, request = await self._building.deferred(asked)
            note = Note(
                subject=asked.subject,
                rules=asked.rules,
                kept=now,
                due=now + asked.defer_ms / 1000,
                arm_kind=arm.kind,
                arm=msgspec.to_builtins(arm),
            )
            identity = await anyio.to_thread.run_sync(self._outbox.put, request, note)
        except (NoRoute, OutboxError) as refusal:
            _log.warning("a question is not deferred: %s", refusal)
            raise error from refusal
        self._kept()
        return identity

    @property
    def max_defer(self) -> Milliseconds:
        """The longest that a question is kept."""
        return self._outbox.age

    async def answer(self, identity: str) -> DeferredState:
        """As `Outbox.answer`."""
        return await anyio.to_thread.run_sync(self._outbox.answer, identity)
