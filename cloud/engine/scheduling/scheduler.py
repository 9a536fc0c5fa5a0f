"""Which jobs join, which leave, and what the next step is: a pure decision, without clock or torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Generic

from cloud.engine.scheduling.batch_limit import BatchLimit, StepLimits
from cloud.engine.scheduling.company import together_with
from cloud.engine.scheduling.conveyor import arrival, departure, together
from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.prompts import side_by_side, slice_of, token_budget
from cloud.engine.scheduling.schedulable import Schedulable, SchedulableT
from cloud.engine.scheduling.shortest import short_batches
from cloud.sharing.caller import Caller, level_of
from cloud.sharing.holdings import Holdings
from cloud.sharing.shares import Shares

MAX_PREFILL_TOKENS = 1024  # of the prompts in one step, padding included; a longer prompt has several
MAX_WAIT = 0.005  # seconds; more than a caller needs to ask again


@dataclass(frozen=True)
class InFlight(Generic[SchedulableT]):
    """The jobs that were let in."""

    encoded: Sequence[SchedulableT] = ()  # their prompts wait for the prefill
    batches: Sequence[Sequence[SchedulableT]] = ()  # answers that are decoded side by side
    encoding: Sequence[SchedulableT] = ()  # their pictures have come to some cut

    @property
    def jobs(self) -> Sequence[SchedulableT]:
        return [*self.encoding, *self.encoded, *chain(*self.batches)]


@dataclass(frozen=True)
class Schedule(Generic[SchedulableT]):
    """One step's decision. At most one of the last three is not empty."""

    leaves: Sequence[SchedulableT] = ()  # jobs in flight that are finished or aborted
    drops: Sequence[SchedulableT] = ()  # waiting jobs that are aborted
    joins: Sequence[SchedulableT] = ()  # waiting jobs that are let in, as some of the next
    encodes: Sequence[SchedulableT] = ()  # jobs of one place, whose pictures go on to a later cut
    until: int = 0  # how many segments are left there
    held: Sequence[SchedulableT] = ()  # the job whose turn it is, where it waits for these to reach it
    prefills: Sequence[SchedulableT] = ()  # encoded jobs of one bundle, to be prefilled
    slice: int = 0  # how many tokens of the one prompt there are read in this step; 0: all that are left
    decodes: Sequence[int] = ()  # batches that get a token each, as one batch from now on
    ahead: bool = False  # their answers are short, and others wait for them

    @property
    def idle(self) -> bool:
        return not (self.encodes or self.prefills or self.decodes)


@dataclass(frozen=True)
class Scheduler:
    """Every step is of the caller who was served least; rows leave and join between any two.

    Pictures go from cut to cut, a step each, where others may wait. Those that are on their way go on before
    others set out, and at every cut those that wait there board. A job whose turn it is waits for company for
    `max_wait` seconds at most.

    While answers are decoded, who waits joins at once if they were served less than all who run, and else in
    at most half of the time, in which answers that are short go ahead of long ones. `max_batch` answers are
    decoded side by side, and up to twice as many where callers come who hold less than their part of the
    rows. A prompt that takes long is read in slices, a step each. Where memory ran out, steps are smaller.
    """

    max_batch: int
    max_prefill_tokens: int = MAX_PREFILL_TOKENS
    max_wait: float = MAX_WAIT

    def limits(self) -> StepLimits:
        """What a step may have, as long as memory does not run out."""
        return StepLimits(
            encode=BatchLimit(self.max_batch),
            prefill=BatchLimit(self.max_prefill_tokens),
            decode=BatchLimit(2 * self.max_batch),
        )

    def schedule(
        self,
        waiting: Iterable[SchedulableT],
        in_flight: InFlight[SchedulableT],
        shares: Shares,
        pace: Pace,
        limits: StepLimits,
    ) -> Schedule[SchedulableT]:
        """Decide for waiting jobs and those in flight, by what callers were served and what steps take, of
        time and of memory.
        """
        leaves = [job for job in in_flight.jobs if job.finished or job.aborted]
        if leaves:
            return Schedule(leaves=leaves)

        def order(job: SchedulableT) -> tuple[object, float]:
            return shares.rank(job.caller), job.deadline

        drops, ready = _split(waiting)
        inside = set(in_flight.encoding)
        encoding = [*sorted(in_flight.encoding, key=order), *sorted(ready, key=order)]
        turn, encodes = self._encodes(encoding, in_flight, pace, limits)
        prefills, slice_ = _prefills(sorted(in_flight.encoded, key=order), in_flight, pace, limits)
        batches = in_flight.batches
        short = short_batches(batches, pace)
        others = [index for index in range(len(batches)) if index not in short]
        ahead, due = _due(batches, short, shares), _due(batches, others, shares)
        newcomer = min((*ahead, *prefills[:1], *turn), key=order, default=None)
        if newcomer and (not due or pace.debt <= 0 or shares.lead(newcomer.caller, due[0].caller) > 0):
            if newcomer in ahead:
                decodes = together_with(newcomer, batches, short, pace, limits.decode.now)
                return Schedule(drops=drops, decodes=decodes, ahead=True)
            if newcomer in prefills:
                return Schedule(drops=drops, prefills=prefills, slice=slice_)
            joins = [job for job in encodes if job not in inside]
            held = [job for job in turn if job.place != encodes[0].place]
            until = arrival(encodes, encoding, pace, self.max_wait)
            return Schedule(drops=drops, joins=joins, encodes=encodes, until=until, held=held)
        decodes = together_with(due[0], batches, others, pace, limits.decode.now) if due else ()
        return Schedule(drops=drops, decodes=decodes)

    def _encodes(
        self,
        encoding: Sequence[SchedulableT],
        in_flight: InFlight[SchedulableT],
        pace: Pace,
        limits: StepLimits,
    ) -> tuple[Sequence[SchedulableT], Sequence[SchedulableT]]:
        """The job whose turn it is, the first for whom there is room, and those of one place that go on: it
        among them, or others that it waits for. Of those who board, as many are of each caller.
        """
        held, inside = Holdings(), set(in_flight.encoding)
        for job in in_flight.jobs:
            held.take(job.caller)
        rows = min(self.max_batch, limits.decode.now)
        able = [job for job in encoding if job in inside or _fits(job, held, rows)]
        if not able:
            return [], []
        place = departure(able, pace, self.max_wait, limits.encode.now)
        here = [job for job in able if job.place == place]
        encodes = [job for job in here if job in inside][: limits.encode.now]
        for job in _in_company(job for job in here if job not in inside):
            if len(encodes) < limits.encode.now and _fits(job, held, rows):
                encodes.append(job)
                held.take(job.caller)
        return able[:1], together(encodes, pace, stalls=bool(in_flight.batches))


def _fits(job: Schedulable, held: Holdings, rows: int) -> bool:
    """Whether there is a row for a job: one of the first so many, or of as many more for callers who hold
    less than their part.
    """
    if not job.prompt_tokens or held.total < rows:
        return True
    callers = {*held.callers, job.caller}
    level = level_of(callers)
    part = rows // (1 + len({caller[:level] for caller in callers}))  # the next find room too
    return held.total < 2 * rows and held.size(job.caller)[level - 1] < max(1, part)


def _prefills(
    encoded: Sequence[SchedulableT], in_flight: InFlight[SchedulableT], pace: Pace, limits: StepLimits
) -> tuple[Sequence[SchedulableT], int]:
    """Those whose prompts are read side by side, the first one's among them, and a slice's tokens where it is
    too long.
    """
    if not encoded:
        return [], 0
    stalls, bundle = bool(in_flight.batches), encoded[0].place.bundle
    budget = token_budget(limits.prefill.now, bundle, pace, stalls=stalls)
    prompts = side_by_side(encoded, budget)
    return prompts, slice_of(prompts, budget)


def _split(waiting: Iterable[SchedulableT]) -> tuple[list[SchedulableT], list[SchedulableT]]:
    """Aborted jobs, and the others. Each job is asked once, since a deadline may pass in between."""
    aborted: list[SchedulableT] = []
    ready: list[SchedulableT] = []
    for job in waiting:
        (aborted if job.aborted else ready).append(job)
    return aborted, ready


def _due(
    batches: Sequence[Sequence[SchedulableT]], among: Sequence[int], shares: Shares
) -> Sequence[SchedulableT]:
    """The job in some of the batches whose caller was served least; none where there are none."""
    jobs = chain.from_iterable(batches[index] for index in among)
    return sorted(jobs, key=lambda job: shares.rank(job.caller))[:1]


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
