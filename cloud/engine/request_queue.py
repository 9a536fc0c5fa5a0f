"""The bounded queue in front of the model. The scheduler decides which of its jobs run next."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from cloud.engine.job import Job, milliseconds_since
from cloud.engine.scheduler import Schedule, Scheduler
from protos.errors import CloudBusy

_DECAY = 0.9  # of the mean wait, for each job that joins
_PAUSE = 0.003  # seconds before a batch; more than a caller needs to ask again, less than a batch takes


class RequestQueue:
    """Waiting jobs in order of arrival. Belongs to the event loop."""

    def __init__(self, scheduler: Scheduler, max_waiting: int, pause: float = _PAUSE) -> None:
        self._scheduler, self._max_waiting, self._pause = scheduler, max_waiting, pause
        self._entering = 0
        self._returning = 0  # callers that were answered a moment ago, and may ask again
        self._jobs: dict[Job, None] = {}
        self._arrival = asyncio.Event()
        self.mean_milliseconds = 0.0

    def __len__(self) -> int:
        """Jobs that wait, and requests that are still decoded."""
        return len(self._jobs) + self._entering

    @contextmanager
    def entering(self) -> Iterator[None]:
        """Reserve a place while a request is made a job. Raises CloudBusy."""
        self._check_room()
        self._returning = max(0, self._returning - 1)
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1

    def _check_room(self) -> None:
        """Raises CloudBusy where another job would not fit."""
        waiting = len(self)
        if waiting >= self._max_waiting:
            message = (
                f"{waiting} requests wait here already, as many as are let in; try again in a "
                "moment, or answer on the device"
            )
            raise CloudBusy(message, waiting=waiting)

    def put(self, job: Job) -> None:
        """Append a job. Raises CloudBusy."""
        self._check_room()
        self.put_back([job])

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Append jobs that were let in before and need another turn."""
        for job in jobs:
            job.queued = time.monotonic()
            self._jobs[job] = None
            self._arrival.set()

    def discard(self, job: Job) -> None:
        """Remove a job, if it still waits."""
        self._jobs.pop(job, None)

    def clear(self) -> list[Job]:
        """Remove and return all jobs."""
        jobs = list(self._jobs)
        self._jobs.clear()
        return jobs

    async def gather(self) -> None:
        """Wait until a job waits, and a moment longer while others are coming in.

        Without that the first of several callers would get a batch of its own, the others the next, and so
        on by turns, with batches that are half empty.
        """
        await self._arrival_beyond(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause):
                while self._coming and len(self._jobs) < self._scheduler.max_batch:
                    await self._arrival_beyond(len(self._jobs))
        self._returning = 0

    @property
    def _coming(self) -> bool:
        return self._entering > 0 or self._returning > 0

    async def _arrival_beyond(self, waiting: int) -> None:
        while len(self._jobs) <= waiting:
            self._arrival.clear()
            await self._arrival.wait()

    def schedule(self, running: Sequence[Job]) -> Schedule[Job]:
        """Ask the scheduler, and remove the jobs that join or are aborted."""
        schedule = self._scheduler.schedule(self._jobs, running)
        self._returning += len(schedule.leaves)
        for job in schedule.drops:
            self.discard(job)
        for job in schedule.joins:
            self.discard(job)
            self._count_wait(job)
        return schedule

    def _count_wait(self, job: Job) -> None:
        waited = milliseconds_since(job.queued)
        job.stages.queue += waited
        self.mean_milliseconds += (1 - _DECAY) * (waited - self.mean_milliseconds)
