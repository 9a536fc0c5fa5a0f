"""Who watches the model's steps."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol, get_args

from cloud.engine.job import Job

Step = Literal["encode", "slice", "prefill", "decode"]
Fault = Literal["raised", "out of memory"]
STEPS: tuple[Step, ...] = get_args(Step)
FAULTS: tuple[Fault, ...] = get_args(Fault)


class StepObserver(Protocol):
    """The seam."""

    def step(self, step: Step, jobs: Sequence[Job]) -> AbstractContextManager[None]:
        """Around a step that the model makes for these jobs. In the event loop."""

    def faulted(self, step: Step, fault: Fault) -> None:
        """Model code raised in a step, or memory ran out."""


class Unobserved:
    """Nobody watches."""

    def step(self, step: Step, jobs: Sequence[Job]) -> AbstractContextManager[None]:
        del step, jobs
        return nullcontext()

    def faulted(self, step: Step, fault: Fault) -> None:
        del step, fault
