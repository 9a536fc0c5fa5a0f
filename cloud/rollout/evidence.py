"""Evidence that may be looked at after every pair: log e-values of counts and sums.

Where a hypothesis is true, its e-value ever exceeds 1 / alpha with a probability of alpha at most (Ville's
inequality), however often it is looked at: "Anytime-valid inference for multinomial count data", Lindon and
Malek, NeurIPS 2022; "Time-uniform Chernoff bounds via nonnegative supermartingales", Howard, Ramdas,
McAuliffe and Sekhon, 2020. Each is a mean over a few alternatives, since the size of an effect is not known
before. All take numbers or arrays of them.
"""

from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

LogEvidence = NDArray[np.float64]

_ODDS = np.geomspace(1.3, 12, 8)  # of the alternatives, as multiples of the bound's
_SCALES = np.geomspace(0.25, 6, 8)  # best for shifts of a tenth where the spread is 0.13 to 0.6
_STANCES = np.array([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4])  # shifts, in standard deviations of a device
_STAKES = np.array([0.1, 0.25, 0.5, 0.75, 0.9, 0.97])  # parts of what may be bet


def rate_above(hits: ArrayLike, trials: ArrayLike, bound: float) -> LogEvidence:
    """Against: in each trial there is a hit with a probability of `bound` at most."""
    return _rate(hits, trials, bound, _ODDS)


def rate_below(hits: ArrayLike, trials: ArrayLike, bound: float) -> LogEvidence:
    """Against: in each trial there is a hit with a probability of `bound` at least."""
    return _rate(hits, trials, bound, 1 / _ODDS)


def shift_above(total: ArrayLike, squares: ArrayLike) -> LogEvidence:
    """Against: values lie symmetrically about a centre of 0 at most, however wide. `total`: their sum;
    `squares`: that of their squares.

    exp(s x - s² x² / 2) has a mean of 1 at most for such an x and any s > 0: de la Peña, "A general class of
    exponential inequalities for martingales and ratios", 1999.
    """
    total, squares = np.asarray(total, float), np.asarray(squares, float)
    return mean_evidence([scale * total - scale**2 * squares / 2 for scale in _SCALES])


def rise_below(worse: ArrayLike, better: ArrayLike, pairs: ArrayLike, margin: float) -> LogEvidence:
    """Against: of pairs, `worse` outcomes are more frequent than `better` ones by `margin` at least. All
    others are as good as each other.

    A bet that gains `margin` with every pair, less 1 for a worse outcome and 1 more for a better one:
    "Estimating means of bounded random variables by betting", Waudby-Smith and Ramdas, 2024.
    """
    worse, better = np.asarray(worse, float), np.asarray(better, float)
    alike = np.asarray(pairs, float) - worse - better
    return mean_evidence(
        [
            worse * np.log1p(stake * (margin - 1))
            + better * np.log1p(stake * (margin + 1))
            + alike * np.log1p(stake * margin)
            for stake in _STAKES / (1 - margin)
        ]
    )


def rank_bets(below: int, equal: int, above: int) -> LogEvidence:
    """Against: one of a block, drawn at random, is worse than the others by chance alone. `below`, `equal`,
    `above`: how many of the others are better than it, as good, and worse. For each of a few alternatives a
    log e-value; they are added up over blocks, and then `mean_evidence` is taken.

    The rank of who was drawn is uniform, whatever the values are and however they depend on each other: so a
    bet on it of mean 1 is an e-value ("Interactive rank testing by betting", Duan, Ramdas and Wasserman,
    CLeaR 2022). The bets are best against shifts of a normal distribution. Over ties their mean counts.
    """
    bets = _rank_bets(below + equal + above)[below : below + equal + 1]
    found: LogEvidence = np.logaddexp.reduce(bets, axis=0) - np.log(len(bets))
    return found


@cache
def _rank_bets(others: int) -> LogEvidence:
    """By rank, then by alternative."""
    places = others + 1
    scores = np.array([NormalDist().inv_cdf((place + 0.5) / places) for place in range(places)])
    logs = np.outer(scores, _STANCES)
    bets: LogEvidence = logs - (np.logaddexp.reduce(logs, axis=0) - np.log(places))
    return bets


def _rate(hits: ArrayLike, trials: ArrayLike, bound: float, odds: LogEvidence) -> LogEvidence:
    """Likelihood ratios of rates whose odds are those of the bound, times `odds`."""
    hits, misses = np.asarray(hits, float), np.asarray(trials, float) - np.asarray(hits, float)
    rates = odds * bound / (1 - bound + odds * bound)
    return mean_evidence([hits * np.log(r / bound) + misses * np.log((1 - r) / (1 - bound)) for r in rates])


def mean_evidence(logs: Sequence[ArrayLike]) -> LogEvidence:
    """The logarithm of the mean of what these are the logarithms of."""
    found: LogEvidence = np.logaddexp.reduce(np.asarray(logs, float)) - np.log(len(logs))
    return found
