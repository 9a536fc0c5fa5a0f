"""Many rollouts of each change, driven by the very code that the controller runs."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from bench.fleet.cases import Change
from bench.fleet.world import WINDOW, ChangedWorld, World
from cloud.fleet.rollout.advance import advance, begin
from cloud.fleet.rollout.comparison import due_spans
from cloud.fleet.rollout.plan import Member, RolloutPlan, frozen_cohort
from cloud.fleet.rollout.state import RolloutStatus

_PER_MINUTE = 60_000.0  # a phase is told within a window
_BEFORE = 48  # windows, before the rollout begins
_WINDOWS = _BEFORE + 90
_FEW = 20  # rollouts, for which no processes are started


class Ended(NamedTuple):
    """What became of one rollout."""

    status: RolloutStatus
    share: float  # of the fleet that was treated, at most
    hours: float


@dataclass(frozen=True)
class FleetOutcome:
    """What became of the rollouts of a change, in percent. `caught`: rolled back before more than a tenth of
    the fleet had it; `hours`: the median until that, or until all have it.
    """

    group: str
    change: str
    harmful: bool
    rollouts: int
    rolled_back: float
    caught: float
    done: float
    held: float
    hours: float | None


@dataclass(frozen=True)
class Fleets:
    """The simulated fleets that every change is rolled out in."""

    rollouts: int
    devices: int
    seed: int


def simulate(
    chosen: Sequence[Change],
    fleets: Fleets,
    kept: dict[int, list[Ended]],
    done: Callable[[int, list[Ended]], None] = lambda *_: None,
) -> list[FleetOutcome]:
    """Roll every change out in every fleet. `kept`: what is known, by the number of the fleet; it grows, and
    `done` hears what is new.
    """
    for number, ended in _all_ended(
        chosen, fleets, [one for one in range(fleets.rollouts) if one not in kept]
    ):
        kept[number] = ended
        done(number, ended)
    among = [kept[number] for number in range(fleets.rollouts)]
    return [_outcome(change, [ended[place] for ended in among]) for place, change in enumerate(chosen)]


def _all_ended(
    chosen: Sequence[Change], fleets: Fleets, numbers: Sequence[int]
) -> Iterator[tuple[int, list[Ended]]]:
    work = partial(_ended, chosen, fleets)
    workers = min(os.cpu_count() or 1, len(numbers))
    if workers <= 1 or len(numbers) * len(chosen) < _FEW:
        yield from map(work, numbers)
        return
    with ProcessPoolExecutor(
        workers, get_context("spawn"), gc.disable
    ) as pool:  # nothing here refers to itself
        for made in as_completed([pool.submit(work, number) for number in numbers]):
            yield made.result()


def _ended(chosen: Sequence[Change], fleets: Fleets, number: int) -> tuple[int, list[Ended]]:
    world = World(fleets.devices, _WINDOWS, np.random.default_rng([fleets.seed, number]))
    members = (Member(name, f"class {kind}") for name, kind in zip(world.names, world.kinds, strict=True))
    plan = RolloutPlan(cohort=frozen_cohort(members, f"{fleets.seed} {number}"), per_minute=_PER_MINUTE)
    return number, [_rolled_out(change, world.under(change), plan) for change in chosen]


def _rolled_out(change: Change, world: ChangedWorld, plan: RolloutPlan) -> Ended:
    state, devices = begin(_BEFORE * WINDOW), len(plan.cohort)
    for window in range(_BEFORE, _WINDOWS):
        now = window * WINDOW
        while True:  # what follows of a step at once
            summaries = world.summaries(due_spans(plan, state, now))
            step = advance(plan, state, world.seen(window), summaries, now)
            state = step.state
            world.treat(step.treat, window)
            if state.status.ended or not (step.treat or step.reason.startswith("phase")):
                break
        if state.status.ended or (change.harmful and len(state.treated) > 0.2 * devices):
            break
    return Ended(state.status, len(state.treated) / devices, (window - _BEFORE) * WINDOW / 3600)


def _outcome(change: Change, ended: Sequence[Ended]) -> FleetOutcome:
    def percent(flags: Sequence[bool]) -> float:
        return 100 * sum(flags) / len(ended)

    back = [one.status is RolloutStatus.ROLLED_BACK for one in ended]
    done = [one.status is RolloutStatus.DONE for one in ended]
    passed = [one.share > 0.2 for one in ended]
    hours = [one.hours for one in ended if one.status.ended]
    return FleetOutcome(
        change.group,
        change.name,
        change.harmful,
        len(ended),
        rolled_back=percent(back),
        caught=percent([b and not p for b, p in zip(back, passed, strict=True)]),
        done=percent(done),
        held=percent([not one.status.ended and not p for one, p in zip(ended, passed, strict=True)]),
        hours=float(np.median(hours)) if hours else None,
    )
