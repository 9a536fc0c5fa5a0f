"""Many rollouts of each change, driven by the very code that the controller runs."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from bench.fleet.cases import Change
from bench.fleet.world import WINDOW, World
from cloud.fleet.rollout.advance import advance, begin
from cloud.fleet.rollout.comparison import due_spans
from cloud.fleet.rollout.plan import Member, RolloutPlan, frozen_cohort
from cloud.fleet.rollout.state import RolloutStatus

_PER_MINUTE = 60_000.0  # a phase is told within a window
_BEFORE = 48  # windows, before the rollout begins
_WINDOWS = _BEFORE + 90


class _Ended(NamedTuple):
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


def simulate_change(change: Change, rollouts: int, devices: int, seed: int) -> FleetOutcome:
    """Roll a change out so many times, each in a fleet of its own."""
    work = partial(_ended, change, devices, seed)
    workers = min(os.cpu_count() or 1, rollouts)
    if workers == 1 or rollouts < 20:
        return _outcome(change, [work(number) for number in range(rollouts)])
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return _outcome(change, list(pool.map(work, range(rollouts), chunksize=5)))


def _ended(change: Change, devices: int, seed: int, number: int) -> _Ended:
    rng = np.random.default_rng([seed, number])
    world = World(devices, _WINDOWS, change, rng)
    members = (Member(name, f"class {kind}") for name, kind in zip(world.names, world.kinds, strict=True))
    plan = RolloutPlan(cohort=frozen_cohort(members, f"{seed} {number}"), per_minute=_PER_MINUTE)
    state = begin(_BEFORE * WINDOW)
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
    return _Ended(state.status, len(state.treated) / devices, (window - _BEFORE) * WINDOW / 3600)


def _outcome(change: Change, ended: Sequence[_Ended]) -> FleetOutcome:
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
