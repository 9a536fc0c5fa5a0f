"""Questions of all parts of the agent, answered by one orchestrator."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import anyio.to_thread

from edge.agent.gating.gate import Features
from edge.agent.observing.deferral import Asked
from edge.agent.status.traffic import Traffic
from edge.link.standing import Standing
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.asynchronous import AsyncOrchestrator
from edge.requests.orchestrator import Orchestrator
from edge.requests.trace import ignore_text
from edge.requests.turn import Priority
from edge.requests.view import View
from protos import inference_pb2 as pb
from protos.arms.arm import Arm
from protos.arms.rules import Rules
from protos.costs.weights import Weights


class Asking(Protocol):
    """The seam: what parts of the agent need of the orchestrator."""

    async def answer(
        self,
        picture: Picture | View,
        question: str,
        rules: Rules,
        *,
        weights: Weights,
        generation: pb.Generation,
        labels: tuple[str, ...] = (),
        standing: Standing | None = None,
        on_text: Callable[[str], None] = ignore_text,
        on_restart: Callable[[str], None] = ignore_text,
    ) -> Answer:
        """As `Orchestrator.answer`; where the task is cancelled, so is the request. `on_text` and
        `on_restart` are called in any thread.
        """


class Viewing(Asking, Protocol):
    """The same for who asks several questions about one frame, and compares frames."""

    async def view(self, picture: Picture, source: str, number: int) -> View:
        """As `Orchestrator.view`."""

    async def features(self, view: View) -> Features:
        """What the whole head makes of a view."""


class SharedOrchestrator:
    """Asks an orchestrator that others ask too, with a priority over or below theirs."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        priority: Priority = Priority.INTERACTIVE,
        traffic: Traffic | None = None,
    ) -> None:
        """`traffic` counts what is asked; nobody does without it."""
        self._orchestrator, self._priority = orchestrator, priority
        self._traffic = traffic or Traffic()
        self._requests = AsyncOrchestrator(orchestrator)
        self._last_cut = orchestrator.bundle.manifest.pieces[-1].cut

    async def answer(
        self,
        picture: Picture | View,
        question: str,
        rules: Rules,
        *,
        weights: Weights,
        generation: pb.Generation,
        labels: tuple[str, ...] = (),
        standing: Standing | None = None,
        on_text: Callable[[str], None] = ignore_text,
        on_restart: Callable[[str], None] = ignore_text,
    ) -> Answer:
        with self._traffic.asking():
            return await self._requests.answer(
                picture,
                question,
                rules=rules,
                weights=weights,
                generation=generation,
                labels=labels,
                standing=standing,
                priority=self._priority,
                on_text=on_text,
                on_restart=on_restart,
            )

    async def view(self, picture: Picture, source: str, number: int) -> View:
        return await self._requests.view(picture, source, self._priority, number=number)

    async def features(self, view: View) -> Features:
        return await self._requests.features(view, self._last_cut)

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
        return await anyio.to_thread.run_sync(build)
