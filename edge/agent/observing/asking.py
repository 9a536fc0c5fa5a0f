"""Questions of all parts of the agent, answered by one orchestrator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread

from edge.pictures.resampling import Picture
from edge.policy.decision import Weights
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from protos import inference_pb2 as pb
from protos.arms.rules import Rules


class Asking(Protocol):
    """The seam: what parts of the agent need of the orchestrator."""

    async def answer(
        self,
        picture: Picture,
        question: str,
        rules: Rules,
        *,
        weights: Weights,
        generation: pb.Generation,
        labels: tuple[str, ...] = (),
    ) -> Answer:
        """As `Orchestrator.answer`."""


class OneByOne:
    """Answers one at a time, in a thread."""

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._orchestrator, self._limiter = orchestrator, anyio.CapacityLimiter(1)

    async def answer(
        self,
        picture: Picture,
        question: str,
        rules: Rules,
        *,
        weights: Weights,
        generation: pb.Generation,
        labels: tuple[str, ...] = (),
    ) -> Answer:
        ask = partial(
            self._orchestrator.answer,
            picture,
            question,
            rules,
            weights=weights,
            generation=generation,
            labels=labels,
        )
        return await anyio.to_thread.run_sync(ask, limiter=self._limiter)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """While nothing is answered."""
        async with self._limiter:
            yield
