"""Which jobs join the running batch and which leave it: a pure decision, without clock, asyncio or torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, Protocol, TypeVar


class Place(NamedTuple):
    """Where jobs enter a model. Only jobs of one place share a batch."""

    bundle: str
    cut: str | None  # None: without a picture


class Schedulable(Protocol):
    """What the scheduler reads of a job."""

    @property
    def place(self) -> Place: ...

    @property
    def finished(self) -> bool:
        """Whether its answer is complete, or failed."""

    @property
    def aborted(self) -> bool:
        """Whether the caller has cancelled, or the deadline has passed."""


SchedulableT = TypeVar("SchedulableT", bound=Schedulable)


@dataclass(frozen=True)
class Schedule(Generic[SchedulableT]):
    """One step's decision."""

    joins: Sequence[SchedulableT] = ()  # waiting jobs that run from now on, all of one place
    leaves: Sequence[SchedulableT] = ()  # running jobs that are finished or aborted
    drops: Sequence[SchedulableT] = ()  # waiting jobs that are aborted


@dataclass(frozen=True)
class Scheduler:
    """Static batching: jobs of one place run together until all are done; none joins a running batch."""

    max_batch: int

    def schedule(
        self, waiting: Iterable[SchedulableT], running: Sequence[SchedulableT]
    ) -> Schedule[SchedulableT]:
        """Decide for waiting jobs, the oldest first, and running jobs."""
        leaves = [job for job in running if job.finished or job.aborted]
        if running:
            return Schedule(leaves=leaves)
        drops, ready = _split(waiting)
        together = (job for job in ready if job.place == ready[0].place)
        return Schedule(list(islice(together, self.max_batch)), leaves, drops)


def _split(waiting: Iterable[SchedulableT]) -> tuple[list[SchedulableT], list[SchedulableT]]:
    """Aborted jobs, and the others. Each job is asked once, since a deadline may pass in between."""
    aborted: list[SchedulableT] = []
    ready: list[SchedulableT] = []
    for job in waiting:
        (aborted if job.aborted else ready).append(job)
    return aborted, ready
