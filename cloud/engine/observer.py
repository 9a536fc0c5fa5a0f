"""Who watches the model's steps."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, get_args

from cloud.engine.job import Job

Step = Literal["encode", "prefill", "decode"]
STEPS: tuple[Step, ...] = get_args(Step)


class StepObserver(Protocol):
    """The seam."""

    def step(self, step: Step, jobs: Sequence[Job]) -> AbstractContextManager[None]:
        """Around a step that the model makes for these jobs. In the event loop."""


class Unobserved:
    """Nobody watches."""

    def step(self, step: Step, jobs: Sequence[Job]) -> AbstractContextManager[None]:
        del step, jobs
        return nullcontext()
