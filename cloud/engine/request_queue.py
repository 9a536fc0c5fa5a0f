"""The bounded queue in front of the model. The scheduler decides which of its jobs run next."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from cloud.engine.job import NEVER, Job, milliseconds_since
from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.quickest import Quickest
from cloud.engine.scheduling.scheduler import InFlight, Schedule, Scheduler
from cloud.sharing.caller import Caller, level_of
from cloud.sharing.holdings import Holdings
from cloud.sharing.shares import Shares
from protos.bundle import ID_BYTES
from protos.errors import CloudBusy, DeadlineError

_DECAY = 0.9  # of the mean wait, for each job that joins
_MIN_RETRY_SECONDS = 0.1
_NAME = 2 * ID_BYTES  # digits of a digest, which a request names its bundle by at least


class RequestQueue:
    """Waiting jobs, and the shares by which callers have their turn. Belongs to the event loop.

    Where it is full, a caller who has fewer requests in it displaces the youngest of who has most.
    """

    def __init__(self, scheduler: Scheduler, max_waiting: int) -> None:
        self._scheduler, self._max_waiting = scheduler, max_waiting
        self._entering: dict[asyncio.Timeout, Caller] = {}
        self._returning = 0  # callers that were answered a moment ago, and may ask again
        self._jobs: dict[Job, None] = {}
        self._held = Holdings()
        self._arrival = asyncio.Event()
        self._quickest = Quickest()
        self.shares, self.limits = Shares(), scheduler.limits()
        self.mean_milliseconds = 0.0

    def __len__(self) -> int:
        """Jobs that wait, and requests that are still decoded."""
        return len(self._jobs) + len(self._entering)

    @asynccontextmanager
    async def entering(
        self, caller: Caller, bundle: str = "", deadline: float = NEVER
    ) -> AsyncIterator[None]:
        """Hold a place while a request to a bundle, by the beginning of its digest, is made a job. Raises
        CloudBusy, also when it is displaced; DeadlineError where it cannot be answered in time.
        """
        self._refuse_late(caller, bundle, deadline)
        self._make_room(caller)
        self._returning = max(0, self._returning - 1)
        place = asyncio.timeout(None)
        try:
            async with place:
                self._entering[place] = caller
                self._held.take(caller)
                yield
        except TimeoutError:
            if place in self._entering:
                raise
            raise self._displaced() from None
        finally:
            if place in self._entering:
                self._free(place)

    def _make_room(self, newcomer: Caller) -> None:
        """Displace a request for another, where it is full. Raises CloudBusy where nobody has to give way."""
        if len(self) < self._max_waiting:
            return
        greediest = self._held.greediest()
        if not self._held.gives_way(greediest, newcomer):
            message = f"{len(self)} requests wait here already, as many as are let in; {self._retry}"
            raise CloudBusy(message, waiting=len(self))
        entering = [place for place, caller in self._entering.items() if caller == greediest]
        if entering:
            self._free(entering[-1])
            entering[-1].reschedule(asyncio.get_running_loop().time())
        else:
            youngest = [job for job in self._jobs if job.caller == greediest][-1]
            self.discard(youngest)
            youngest.fail(self._displaced())

    def _free(self, place: asyncio.Timeout) -> None:
        self._held.take(self._entering.pop(place), -1)

    def _displaced(self) -> CloudBusy:
        message = (
            f"{self._max_waiting} requests wait here, most of them yours, and another caller needs a place; "
            f"{self._retry}"
        )
        return CloudBusy(message, waiting=len(self))

    @property
    def _retry(self) -> str:
        seconds = max(_MIN_RETRY_SECONDS, self.mean_milliseconds / 1000)
        return f"try again in {seconds:.1f} s, or answer on the device"

    def put(self, job: Job) -> None:
        """Append a job. Raises CloudBusy, and DeadlineError where it cannot be answered in time."""
        self._refuse_late(job.caller, job.tail.digest, job.deadline)
        self._make_room(job.caller)
        self.put_back([job])

    def learn(self, job: Job) -> None:
        """Of a job that has ended: how quick an answer can be."""
        if job.stages.total:
            alone = (job.stages.total - job.stages.queue) / 1000
            self._quickest.answered(job.tail.digest[:_NAME], alone, job.worked)

    def _refuse_late(self, caller: Caller, bundle: str, deadline: float) -> None:
        """Raises CloudBusy where an answer would be late because of others, DeadlineError where it would be
        all the same.
        """
        left, name = deadline - time.monotonic(), bundle[:_NAME]
        alone = self._quickest.seconds(name, 0, 1)
        if left < alone:
            raise DeadlineError(
                f"the quickest answers take {1000 * alone:.0f} ms here, and {max(0, 1000 * left):.0f} ms are "
                "left of the deadline; allow more time, or answer on the device"
            )
        callers = {*self._held.callers, caller}
        level = level_of(callers)
        ahead, sharing = self._held.size(caller)[level - 1], len({one[:level] for one in callers})
        least = self._quickest.seconds(name, ahead, sharing)
        if left < least:
            message = (
                f"{ahead} requests of yours wait here already, so this one takes {least:.1f} s at least, and "
                f"{left:.1f} s are left of the deadline; ask for less at once, or answer on the device"
            )
            raise CloudBusy(message, waiting=len(self))

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Append jobs that were let in before and need another turn."""
        for job in jobs:
            job.queued = time.monotonic()
            self._jobs[job] = None
            self._held.take(job.caller)
            self._arrival.set()

    def discard(self, job: Job) -> None:
        """Remove a job, if it still waits."""
        if job in self._jobs:
            del self._jobs[job]
            self._held.take(job.caller, -1)

    def clear(self) -> list[Job]:
        """Remove and return all jobs."""
        jobs = list(self._jobs)
        for job in jobs:
            self.discard(job)
        return jobs

    async def gather(self) -> None:
        """Wait until a job waits, and up to the scheduler's `max_wait` longer while others are coming in.

        Without that the first of several callers would be encoded and prefilled alone, and the others beside
        its answer.
        """
        await self._arrival_beyond(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._scheduler.max_wait):
                while self._coming and len(self._jobs) < self._scheduler.max_batch:
                    await self._arrival_beyond(len(self._jobs))
        self._returning = 0
        for job in self._jobs:
            job.held_seconds = time.monotonic() - job.queued

    @property
    def _coming(self) -> bool:
        return bool(self._entering) or self._returning > 0

    async def _arrival_beyond(self, waiting: int) -> None:
        while len(self._jobs) <= waiting:
            self._arrival.clear()
            await self._arrival.wait()

    def schedule(self, in_flight: InFlight[Job], pace: Pace) -> Schedule[Job]:
        """Ask the scheduler, and remove the jobs that join or are aborted."""
        schedule = self._scheduler.schedule(self._jobs, in_flight, self.shares, pace, self.limits)
        self._returning += len(schedule.leaves)
        for job in schedule.drops:
            self.discard(job)
        for job in schedule.joins:
            self.discard(job)
            self.mean_milliseconds += (1 - _DECAY) * (milliseconds_since(job.queued) - self.mean_milliseconds)
        for job in (*schedule.encodes, *schedule.prefills):
            job.end_wait()
        return schedule
