"""The jobs whose callers wait for them, and those that run in the background of none."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cloud.engine.job import Job
from protos.errors import CloudBusy


class GaveWay(CloudBusy):
    """A job in the background ended, as one came that somebody waits for."""


class HeldJobs:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._jobs: dict[Job, None] = {}
        self._background: dict[Job, None] = {}
        self._left = asyncio.Event()
        # called with every job as it comes; what that gives is called once the job was answered whole
        self.on_held: Callable[[Job], Callable[[], None] | None] = _unwatched

    @contextmanager
    def held(self, job: Job) -> Iterator[None]:
        """While a caller waits for a job. Those in the background end."""
        for other in self._background:
            if not other.finished:
                other.fail(GaveWay("another request came"))
        self._jobs[job] = None
        on_answered = self.on_held(job)
        try:
            yield
        finally:
            del self._jobs[job]
            self._wake()
        if on_answered:
            on_answered()

    @contextmanager
    def background(self, job: Job) -> Iterator[None]:
        """While a job runs that nobody waits for. Raises GaveWay where callers wait for others; where they
        come, the job fails as that.
        """
        if self._jobs:
            raise GaveWay("other requests are here")
        self._background[job] = None
        try:
            yield
        finally:
            del self._background[job]

    def of(self, bundle: str) -> list[Job]:
        """The jobs for a bundle."""
        return [job for job in self._jobs if job.tail.digest == bundle]

    async def none_of(self, bundle: str) -> None:
        """Wait until there is none for a bundle."""
        while self.of(bundle):
            await self._left.wait()

    async def none(self) -> None:
        """Wait until there is none at all."""
        while self._jobs:
            await self._left.wait()

    def _wake(self) -> None:
        self._left.set()
        self._left = asyncio.Event()


def _unwatched(_: Job) -> None:
    """Nobody asks."""
