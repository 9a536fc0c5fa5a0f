"""What happens where the model's work raises: who is at fault fails, and where memory ran out steps are
smaller.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from cloud.engine.faults import ModelFault, no_memory
from cloud.engine.job import Job
from cloud.engine.observer import Fault, Step, StepObserver
from cloud.engine.scheduling.batch_limit import BatchLimit, StepLimits
from cloud.engine.scheduling.prompts import MIN_SLICE
from cloud.runner.faults import ModelLost, ran_out_of_memory

_log = logging.getLogger(__name__)
JobT = TypeVar("JobT", bound=Job)


class Recovery:
    """Belongs to the event loop. Work that it is handed leaves the jobs as they were where it raises."""

    def __init__(self, limits: StepLimits, observer: StepObserver, make_room: Callable[[], bool]) -> None:
        """`make_room` frees what can be done without; whether there was something."""
        self.limits, self._observer, self._make_room = limits, observer, make_room

    async def run(
        self,
        step: Step,
        jobs: Sequence[JobT],
        work: Callable[[Sequence[JobT]], Awaitable[None]],
        size: Callable[[Sequence[JobT]], int] = len,
    ) -> None:
        """Work for jobs; where it raises, once more for each half of them, down to those at fault, which fail
        as ModelFault. So a job is worked on log2(jobs) times more at most.

        Where memory runs out, the jobs stay where they are: the next steps are smaller. A job for which none
        can be fails as CloudBusy.
        """
        own = size(jobs)
        fault = await self.attempt(step, own, partial(work, jobs))
        if fault is None:
            self._limit(step).went_well(own)
        elif fault == "out of memory":
            self._give_up(step, jobs, own)
        elif len(jobs) == 1:
            jobs[0].fail(ModelFault("model code raised"))
        else:
            for half in (jobs[: len(jobs) // 2], jobs[len(jobs) // 2 :]):
                await self.run(step, half, work, size)

    async def attempt(self, step: Step, size: int, work: Callable[[], Awaitable[object]]) -> Fault | None:
        """Why work of this size raised, if it did. Where memory ran out, the limit of such steps is lower
        from now on. Raises ModelLost.
        """
        try:
            await work()
        except ModelLost:
            raise
        except Exception as error:  # noqa: BLE001 - model code may raise anything
            fault: Fault = "out of memory" if ran_out_of_memory(error) else "raised"
            if fault == "raised":
                _log.exception("a step (%s, of size %d) failed; the service goes on", step, size)
            traceback.clear_frames(error.__traceback__)  # they hold what the step has computed
        else:
            return None
        self._observer.faulted(step, fault)
        if fault == "out of memory":
            self._shrink(step, size)
        return fault

    def _shrink(self, step: Step, size: int) -> None:
        limit = self._limit(step)
        limit.ran_out(size)
        _log.warning(
            "memory ran out in a step (%s, of size %d); such steps have at most %d, of %d, from now on, and "
            "slowly more again",
            step,
            size,
            limit.now,
            limit.most,
        )

    def _give_up(self, step: Step, jobs: Sequence[Job], size: int) -> None:
        """Fail a job that no smaller step is possible for, unless there is more room now."""
        (job, *others) = jobs
        smaller = step in {"slice", "prefill"} and max(job.indivisible_tokens, MIN_SLICE) < size
        if not others and not smaller and not self._make_room():
            job.fail(no_memory())

    def _limit(self, step: Step) -> BatchLimit:
        if step == "encode":
            return self.limits.encode
        return self.limits.decode if step == "decode" else self.limits.prefill
