"""The bounded queue in front of the model, from which requests that fit together are taken together."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cloud.engine.job import Job, milliseconds_since
from protos.errors import CloudBusy

_FORGET = 0.9  # of the mean wait, a batch


class Scheduler:
    """Jobs in order of arrival. Belongs to the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entering = 0
        self._jobs: dict[Job, None] = {}
        self._arrival = asyncio.Event()
        self.mean_milliseconds = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    @contextmanager
    def entering(self) -> Iterator[None]:
        """While open a request is made a job, and has its place in the line. Raises CloudBusy."""
        self._check_room()
        self._entering += 1
        try:
            yield
        finally:
            self._entering -= 1

    def _check_room(self) -> None:
        """Raises CloudBusy where another job would not fit."""
        waiting = len(self._jobs) + self._entering
        if waiting >= self._most:
            message = (
                f"{waiting} requests wait here already, as many as are let in; try again in a "
                "moment, or answer on the device"
            )
            raise CloudBusy(message, waiting=waiting)

    def put(self, job: Job) -> None:
        """Line up. Raises CloudBusy."""
        self._check_room()
        job.queued = time.monotonic()
        self._jobs[job] = None
        self._arrival.set()

    def discard(self, job: Job) -> None:
        """Leave the line, if still in it."""
        self._jobs.pop(job, None)

    def clear(self) -> list[Job]:
        """Send everybody away; who they were."""
        jobs = list(self._jobs)
        self._jobs.clear()
        return jobs

    async def take(self, most: int) -> list[Job]:
        """Wait for jobs; the oldest, and up to `most` in all that are at the same bundle and cut. Never
        empty.
        """
        while True:
            while not self._jobs:
                self._arrival.clear()
                await self._arrival.wait()
            if jobs := self._together(most):
                return jobs

    def _together(self, most: int) -> list[Job]:
        for job in [job for job in self._jobs if job.aborted]:
            self.discard(job)
        oldest = next(iter(self._jobs), None)
        if oldest is None:
            return []
        place = (oldest.tail.digest, oldest.cut)
        jobs = [job for job in self._jobs if (job.tail.digest, job.cut) == place][:most]
        for job in jobs:
            self._leave(job)
        return jobs

    def _leave(self, job: Job) -> None:
        self.discard(job)
        job.stages.queue = milliseconds_since(job.queued)
        self.mean_milliseconds += (1 - _FORGET) * (job.stages.queue - self.mean_milliseconds)
