"""How often evidence misleads, and what it finds: simulated rollouts, looked at after every pair."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.rollout.evidence import (
    LogEvidence,
    mean_evidence,
    rank_bets,
    rate_above,
    rate_below,
    rise_below,
    shift_above,
)

ROLLOUTS, PAIRS = 400, 500
NEEDED = np.log(100)


def caught(evidence: LogEvidence) -> float:
    """The part of the rollouts whose evidence was ever enough."""
    return float((evidence >= NEEDED).any(axis=1).mean())


def flips(rate: float, seed: int) -> NDArray[np.int64]:
    """How many of the pairs so far had it, of each rollout."""
    return np.cumsum(np.random.default_rng(seed).random((ROLLOUTS, PAIRS)) < rate, axis=1)


def drift(centre: float, spread: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums, and sums of squares, of values that lie symmetrically about a centre, with heavy tails."""
    values = centre + spread * np.random.default_rng(3).standard_t(4, (ROLLOUTS, PAIRS))
    return np.cumsum(values, axis=1), np.cumsum(values**2, axis=1)


TRIALS = np.arange(1, PAIRS + 1)


@pytest.mark.parametrize(
    "evidence",
    [
        rate_above(flips(0.1, 1), TRIALS, 0.1),
        rate_below(flips(0.1, 1), TRIALS, 0.1),
        rise_below(flips(0.04, 1), flips(0.02, 2), TRIALS, 0.02),
        shift_above(*drift(0, 0.2)),
        shift_above(*drift(-0.1, 0.2)),
    ],
    ids=["rate above", "rate below", "rise below", "shift at its bound", "shift below it"],
)
def test_what_is_true_is_seldom_found_false_however_often_it_is_looked_at(evidence: LogEvidence) -> None:
    assert caught(evidence) <= 0.01 + 3 * (0.01 * 0.99 / ROLLOUTS) ** 0.5


@pytest.mark.parametrize(
    "evidence",
    [
        rate_above(flips(0.2, 1), TRIALS, 0.1),
        rate_below(flips(0.04, 1), TRIALS, 0.1),
        rise_below(flips(0.0, 1), flips(0.0, 2), TRIALS, 0.02),
        shift_above(*drift(0.1, 0.2)),
    ],
    ids=["rate above", "rate below", "rise below", "shift"],
)
def test_what_is_false_is_found_so(evidence: LogEvidence) -> None:
    assert caught(evidence) > 0.9


def test_a_number_is_as_good_as_an_array() -> None:
    assert float(rate_above(30, 100, 0.1)) == pytest.approx(
        float(rate_above(np.array([30]), np.array([100]), 0.1)[0])
    )
    assert float(shift_above(0, 0)) == pytest.approx(0)


def test_bets_on_ranks_are_fair_and_ties_count_as_their_mean() -> None:
    for others in (1, 8, 64):
        fair = [np.exp(rank_bets(below, 0, others - below)) for below in range(others + 1)]
        assert np.allclose(np.mean(fair, axis=0), 1)
    assert np.allclose(rank_bets(0, 8, 0), 0)
    tied = np.mean([np.exp(rank_bets(below, 0, 8 - below)) for below in (3, 4, 5)], axis=0)
    assert np.allclose(np.exp(rank_bets(3, 2, 3)), tied)


def test_ranks_by_chance_seldom_look_like_harm() -> None:
    rng = np.random.default_rng(5)
    ranks = rng.integers(0, 9, (400, 200))
    bets = np.stack([rank_bets(below, 0, 8 - below) for below in range(9)])
    paths = mean_evidence(list(np.moveaxis(np.cumsum(bets[ranks], axis=1), 2, 0)))
    assert (paths.max(axis=1) >= np.log(20)).mean() <= 0.05
