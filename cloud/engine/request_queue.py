"""The bounded queue in front of the model. The scheduler decides which of its jobs run next."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from cloud.engine.job import Job, milliseconds_since
from cloud.engine.scheduler import Schedule, Scheduler
from protos.errors import CloudBusy

_DECAY = 0.9  # of the mean wait, for each job that joins


class RequestQueue:
    """Waiting jobs in order of arrival. Belongs to the event loop."""

    def __init__(self, scheduler: Scheduler, max_waiting: int) -> None:
        self._scheduler, self._max_waiting = scheduler, max_waiting
        self._entering = 0
        self._jobs: dict[Job, None] = {}
        self._arrival = asyncio.Event()
        self.mean_milliseconds = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    @contextmanager
    def entering(self) -> Iterator[None]:
        """Reserve a place while a request is made a job. Raises CloudBusy."""
        self._check_room()
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1

    def _check_room(self) -> None:
        """Raises CloudBusy where another job would not fit."""
        waiting = len(self._jobs) + self._entering
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

    async def arrival(self) -> None:
        """Wait until a job waits."""
        while not self._jobs:
            self._arrival.clear()
            await self._arrival.wait()

    def schedule(self, running: Sequence[Job]) -> Schedule[Job]:
        """Ask the scheduler, and remove the jobs that join or are aborted."""
        schedule = self._scheduler.schedule(self._jobs, running)
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
