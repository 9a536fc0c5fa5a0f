"""Questions of all parts of the agent, answered by one orchestrator."""

from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread

from edge.agent.observing.deferral import Asked
from edge.pictures.resampling import Picture
from edge.policy.decision import Weights
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
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

    async def deferred(self, asked: Asked) -> tuple[Arm, pb.InferRequest]:
        """What to send of a question later. Raises as `Orchestrator.deferred`."""
        build = partial(
            self._orchestrator.deferred,
            asked.picture,
            asked.text,
            asked.rules,
            weights=asked.weights,
            generation=asked.generation,
            labels=asked.labels,
        )
        return await anyio.to_thread.run_sync(build, limiter=self._limiter)
