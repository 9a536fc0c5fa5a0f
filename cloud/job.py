"""One question on its way through the engine, and the answer that streams back."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from cloud.prompts import Prompts
from cloud.sampling import Sampler
from protos import inference_pb2 as ip
from protos.errors import DeadlineError
from splitter.families import Rows

Event = str | ip.Done
NEVER = float("inf")


class Model(Protocol):
    """What the engine needs of a tail; tests may hand it something else."""

    digest: str
    prompts: Prompts
    stop_tokens: frozenset[int]

    def enter(self, cut: str, rows: list[Mapping[str, Tensor]]) -> Tensor:
        """Boundaries of single rows to image tokens (rows, tokens, width)."""

    def rows(self, prompts: list[list[int]], image_tokens: Tensor) -> Rows:
        """Prompts with their image tokens in place."""


def milliseconds_since(instant: float) -> float:
    """Milliseconds from an instant of time.monotonic() to now."""
    return (time.monotonic() - instant) * 1000


@dataclass(eq=False)
class Job:
    """What to compute, until when, and where the pieces go. Belongs to the event loop; instants are time.monotonic()."""

    tail: Model
    cut: str
    boundary: Mapping[str, Tensor]  # of one row, without batch dimension
    prompt: list[int]
    most_tokens: int
    sampler: Sampler | None
    frame: str
    arrived: float
    deadline: float = NEVER
    stages: ip.Stages = field(default_factory=ip.Stages)
    queued: float = 0.0
    cancelled: bool = False
    _events: asyncio.Queue[Event | Exception] = field(default_factory=asyncio.Queue)

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.cancelled or time.monotonic() >= self.deadline

    def say(self, event: Event) -> None:
        self._events.put_nowait(event)

    def fail(self, error: Exception) -> None:
        self._events.put_nowait(error)

    async def events(self) -> AsyncIterator[Event]:
        """Pieces of text as they come, then Done. Raises what the job failed with, or DeadlineError."""
        while True:
            event = await self._next()
            if isinstance(event, Exception):
                raise event
            yield event
            if isinstance(event, ip.Done):
                return

    async def _next(self) -> Event | Exception:
        left = None if self.deadline == NEVER else self.deadline - time.monotonic()
        try:
            async with asyncio.timeout(left):
                return await self._events.get()
        except TimeoutError:
            raise DeadlineError("the deadline passed before the answer was complete; allow more time, or fewer tokens") from None
