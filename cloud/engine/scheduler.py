"""Which jobs join, which leave, and which batch runs next: a pure decision, without clock or torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, NamedTuple, Protocol, TypeVar

from cloud.sharing.caller import Caller
from cloud.sharing.shares import Shares

_LEAD = 0.05  # seconds that a caller must have been served less to overtake: for less, batches stay whole


class Place(NamedTuple):
    """Where jobs enter a model. Only jobs of one place share a batch."""

    bundle: str
    cut: str | None  # None: without a picture


class Schedulable(Protocol):
    """What the scheduler reads of a job."""

    @property
    def place(self) -> Place: ...

    @property
    def caller(self) -> Caller: ...

    @property
    def deadline(self) -> float: ...

    @property
    def finished(self) -> bool:
        """Whether its answer is complete, or failed."""

    @property
    def aborted(self) -> bool:
        """Whether the caller has cancelled or does not read, or the deadline has passed."""


SchedulableT = TypeVar("SchedulableT", bound=Schedulable)


@dataclass(frozen=True)
class Schedule(Generic[SchedulableT]):
    """One step's decision."""

    joins: Sequence[SchedulableT] = ()  # waiting jobs that run from now on, as a batch of their own
    leaves: Sequence[SchedulableT] = ()  # running jobs that are finished or aborted
    drops: Sequence[SchedulableT] = ()  # waiting jobs that are aborted
    turn: int | None = None  # which of the running batches runs a step, where none joins


@dataclass(frozen=True)
class Scheduler:
    """Static batches that take turns: jobs of one place run together until all are done, and none joins them.

    Every step is of the caller who was served least. One who comes while others' batch runs gets a batch of
    its own, which overtakes: it runs as often as its share has it, and the other in between.
    """

    max_batch: int

    def schedule(
        self, waiting: Iterable[SchedulableT], batches: Sequence[Sequence[SchedulableT]], shares: Shares
    ) -> Schedule[SchedulableT]:
        """Decide for waiting jobs and the batches that run."""
        leaves = [job for batch in batches for job in batch if job.finished or job.aborted]
        if leaves:
            return Schedule(leaves=leaves)
        drops, ready = _split(waiting)
        ready.sort(key=lambda job: (shares.rank(job.caller), job.deadline))
        due = [min((job.caller for job in batch), key=shares.rank) for batch in batches]
        turn = min(range(len(batches)), key=lambda index: shares.rank(due[index]), default=None)
        room = self._room(sum(map(len, batches)))
        if not ready or not room or (turn is not None and shares.lead(ready[0].caller, due[turn]) < _LEAD):
            return Schedule(drops=drops, turn=turn)
        together = [job for job in ready if job.place == ready[0].place]
        return Schedule(list(islice(_in_company(together), room)), drops=drops)

    def _room(self, running: int) -> int:
        """How many may join: half of the rows that are free, so that the next to overtake finds some too."""
        free = 2 * self.max_batch - running
        return max(1, free // 2) if free > 0 else 0


def _split(waiting: Iterable[SchedulableT]) -> tuple[list[SchedulableT], list[SchedulableT]]:
    """Aborted jobs, and the others. Each job is asked once, since a deadline may pass in between."""
    aborted: list[SchedulableT] = []
    ready: list[SchedulableT] = []
    for job in waiting:
        (aborted if job.aborted else ready).append(job)
    return aborted, ready


def _in_company(jobs: Iterable[SchedulableT], level: int = 1) -> list[SchedulableT]:
    """Jobs in their order, as many of each address as of that with the fewest, and of each of its connections
    alike: who asks one thing shares a batch with one of the many that another asks.
    """
    if level > len(Caller._fields):
        return list(jobs)
    groups: dict[tuple[str, ...], list[SchedulableT]] = {}
    for job in jobs:
        groups.setdefault(job.caller[:level], []).append(job)
    alike = zip(*(_in_company(group, level + 1) for group in groups.values()), strict=False)
    return list(chain.from_iterable(alike))
