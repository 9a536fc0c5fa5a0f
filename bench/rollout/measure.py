"""Many rollouts of each case at once, judged after every pair."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.rollout.cases import BOUNDS, Case
from cloud.rollout.canary import findings_of, harm_needed, health_needed
from cloud.rollout.tally import MAX_LOG_RATIO

_TAIL = 0.1  # of requests

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class PairSums:
    """After each pair (rollouts, pairs)."""

    pairs: NDArray[np.int64]
    candidate_failed: NDArray[np.int64]
    stable_failed: NDArray[np.int64]
    answered: NDArray[np.int64]
    changed: NDArray[np.int64]
    slower: Numbers
    slower_squares: Numbers


@dataclass(frozen=True)
class RolloutOutcome:
    """What became of the rollouts of a case, in percent; `pairs`: the median until a verdict, None where most
    have none.
    """

    group: str
    case: str
    max_pairs: int
    rolled_back: float
    advanced: float
    pairs: float | None


def simulate(case: Case, rollouts: int, seed: int) -> RolloutOutcome:
    """Roll a candidate out so many times. The first verdict counts."""
    sums = _pairs(case, rollouts, np.random.default_rng(seed))
    findings = findings_of(sums, BOUNDS)
    harmed = np.any([found.harm >= harm_needed(BOUNDS) for found in findings], axis=0)
    healthy = np.all([found.health >= health_needed(BOUNDS) for found in findings], axis=0)
    back, ahead = _first(harmed), _first(healthy)
    ended = np.minimum(back, ahead)
    median = float(np.median(ended))
    return RolloutOutcome(
        case.group,
        case.name,
        case.pairs,
        100 * float((back < ahead).mean()),
        100 * float((ahead < back).mean()),
        median if np.isfinite(median) else None,
    )


def _first(flags: Flags) -> Numbers:
    """After how many pairs it is so first; infinity where it never is."""
    return np.where(flags.any(axis=1), flags.argmax(axis=1) + 1.0, np.inf)


def _pairs(case: Case, rollouts: int, rng: np.random.Generator) -> PairSums:
    shape = rollouts, case.pairs
    stable_failed, candidate_failed, changed, in_tail = (
        rng.random(shape) < rate
        for rate in (case.stable_failures, case.candidate_failures, case.changed, _TAIL)
    )
    answered = ~(stable_failed | candidate_failed)
    ratio = np.log1p(case.slowdown) + np.log1p(case.tail) * in_tail + rng.normal(0, case.noise, shape)
    slower = np.clip(ratio - BOUNDS.log_slowdown, -MAX_LOG_RATIO, MAX_LOG_RATIO) * answered
    return PairSums(
        np.broadcast_to(np.arange(1, case.pairs + 1), shape),
        np.cumsum(candidate_failed & ~stable_failed, axis=1),
        np.cumsum(stable_failed & ~candidate_failed, axis=1),
        np.cumsum(answered, axis=1),
        np.cumsum(changed & answered, axis=1),
        np.cumsum(slower, axis=1),
        np.cumsum(slower**2, axis=1),
    )
