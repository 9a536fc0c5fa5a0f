"""Questions of all parts of the agent, answered by one orchestrator."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import anyio
import anyio.to_thread

from edge.agent.observing.deferral import Asked
from edge.pictures.resampling import Picture
from edge.policy.decision import Weights
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.requests.trace import ignore_text
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
        on_text: Callable[[str], None] = ignore_text,
        on_restart: Callable[[str], None] = ignore_text,
    ) -> Answer:
        """As `Orchestrator.answer`; where the task is cancelled, so is the request. `on_text` and
        `on_restart` are called in any thread.
        """


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
        on_text: Callable[[str], None] = ignore_text,
        on_restart: Callable[[str], None] = ignore_text,
    ) -> Answer:
        ask = partial(
            self._orchestrator.answer,
            picture,
            question,
            rules,
            weights=weights,
            generation=generation,
            labels=labels,
            on_text=on_text,
            on_restart=on_restart,
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
