"""Which jobs join, which leave, and what the next step is: a pure decision, without clock or torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Generic, NamedTuple, Protocol, TypeVar

from cloud.engine.company import worth_sharing
from cloud.engine.pace import Pace
from cloud.sharing.caller import Caller, level_of
from cloud.sharing.holdings import Holdings
from cloud.sharing.shares import Shares

MAX_PREFILL_TOKENS = 1024  # of the prompts in one step, padding included; a longer prompt has one of its own


class Place(NamedTuple):
    """Where jobs enter a model. Only jobs of one place are encoded together."""

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
    def prompt_tokens(self) -> int:
        """How many tokens are prefilled; 0 for a job that needs no decoder."""

    @property
    def resumes(self) -> bool:
        """Whether the beginning of the prompt was prefilled for another question."""

    @property
    def finished(self) -> bool:
        """Whether its answer is complete, or failed."""

    @property
    def aborted(self) -> bool:
        """Whether the caller has cancelled or does not read, or the deadline has passed."""


SchedulableT = TypeVar("SchedulableT", bound=Schedulable)


@dataclass(frozen=True)
class InFlight(Generic[SchedulableT]):
    """The jobs that were let in."""

    encoded: Sequence[SchedulableT] = ()  # their prompts wait for the prefill
    batches: Sequence[Sequence[SchedulableT]] = ()  # answers that are decoded side by side

    @property
    def jobs(self) -> Sequence[SchedulableT]:
        return [*self.encoded, *chain(*self.batches)]


@dataclass(frozen=True)
class Schedule(Generic[SchedulableT]):
    """One step's decision. At most one of the last three is not empty."""

    leaves: Sequence[SchedulableT] = ()  # jobs in flight that are finished or aborted
    drops: Sequence[SchedulableT] = ()  # waiting jobs that are aborted
    joins: Sequence[SchedulableT] = ()  # waiting jobs of one place, to be encoded
    prefills: Sequence[SchedulableT] = ()  # encoded jobs of one bundle, to be prefilled
    decodes: Sequence[int] = ()  # batches that get a token each, as one batch from now on

    @property
    def idle(self) -> bool:
        return not (self.joins or self.prefills or self.decodes)


@dataclass(frozen=True)
class Scheduler:
    """Every step is of the caller who was served least; rows leave and join between any two.

    While answers are decoded, who waits joins at once if they were served less than all who run, and else in
    at most half of the time. `max_batch` answers are decoded side by side, and up to twice as many where
    callers come who hold less than their part of the rows.
    """

    max_batch: int
    max_prefill_tokens: int = MAX_PREFILL_TOKENS

    def schedule(
        self,
        waiting: Iterable[SchedulableT],
        in_flight: InFlight[SchedulableT],
        shares: Shares,
        pace: Pace,
    ) -> Schedule[SchedulableT]:
        """Decide for waiting jobs and those in flight, by what callers were served and what steps take."""
        leaves = [job for job in in_flight.jobs if job.finished or job.aborted]
        if leaves:
            return Schedule(leaves=leaves)

        def order(job: SchedulableT) -> tuple[object, float]:
            return shares.rank(job.caller), job.deadline

        drops, ready = _split(waiting)
        joins = self._joins(sorted(ready, key=order), in_flight.jobs)
        prefills = self._prefills(sorted(in_flight.encoded, key=order))
        newcomers = min(filter(None, (prefills, joins)), key=lambda jobs: order(jobs[0]), default=[])
        turn, due = _due(in_flight.batches, shares)
        if newcomers and (due is None or not pace.debt or shares.lead(newcomers[0].caller, due) > 0):
            encoded = newcomers is prefills
            return Schedule(drops=drops, joins=() if encoded else joins, prefills=prefills if encoded else ())
        return Schedule(drops=drops, decodes=_together(in_flight.batches, turn, pace))

    def _joins(self, ready: Sequence[SchedulableT], inside: Sequence[SchedulableT]) -> list[SchedulableT]:
        """Jobs of one place: that of the first for whom there is room."""
        held, joins = Holdings(), list[SchedulableT]()
        for job in inside:
            held.take(job.caller)
        first = next((job for job in ready if self._fits(job, held)), None)
        together = [job for job in ready if first and job.place == first.place]
        for job in _in_company(together):
            if len(joins) < self.max_batch and self._fits(job, held):
                joins.append(job)
                held.take(job.caller)
        return joins

    def _fits(self, job: Schedulable, held: Holdings) -> bool:
        """Whether there is a row for a job: one of the first `max_batch`, or of as many more for callers who
        hold less than their part.
        """
        if not job.prompt_tokens or held.total < self.max_batch:
            return True
        callers = {*held.callers, job.caller}
        level = level_of(callers)
        part = self.max_batch // (1 + len({caller[:level] for caller in callers}))  # the next find room too
        return held.total < 2 * self.max_batch and held.size(job.caller)[level - 1] < max(1, part)

    def _prefills(self, encoded: Sequence[SchedulableT]) -> list[SchedulableT]:
        """Those of the first one's bundle whose prompts fit in a step side by side, and begin as its does."""
        prefills: list[SchedulableT] = []
        longest = 0
        for job in encoded:
            if (job.place.bundle, job.resumes) != (encoded[0].place.bundle, encoded[0].resumes):
                continue
            longest = max(longest, job.prompt_tokens)
            if prefills and longest * (len(prefills) + 1) > self.max_prefill_tokens:
                break
            prefills.append(job)
        return prefills


def _split(waiting: Iterable[SchedulableT]) -> tuple[list[SchedulableT], list[SchedulableT]]:
    """Aborted jobs, and the others. Each job is asked once, since a deadline may pass in between."""
    aborted: list[SchedulableT] = []
    ready: list[SchedulableT] = []
    for job in waiting:
        (aborted if job.aborted else ready).append(job)
    return aborted, ready


def _due(batches: Sequence[Sequence[SchedulableT]], shares: Shares) -> tuple[int, Caller] | tuple[None, None]:
    """The batch with the caller who was served least, and that caller."""
    due = [min((job.caller for job in batch), key=shares.rank) for batch in batches]
    if not due:
        return None, None
    turn = min(range(len(due)), key=lambda index: shares.rank(due[index]))
    return turn, due[turn]


def _together(batches: Sequence[Sequence[SchedulableT]], turn: int | None, pace: Pace) -> Sequence[int]:
    """The batch whose turn it is, with those that share its steps from now on; the largest is first."""
    if turn is None:
        return ()
    bundle = batches[turn][0].place.bundle
    chosen, callers = [turn], [job.caller for job in batches[turn]]
    for index, batch in enumerate(batches):
        joining = [job.caller for job in batch]
        if index == turn or batch[0].place.bundle != bundle:
            continue
        if worth_sharing(callers, joining, partial(pace.seconds, bundle)):
            chosen.append(index)
            callers += joining
    return sorted(chosen, key=lambda index: -len(batches[index]))


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
