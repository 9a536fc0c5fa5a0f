"""How many times what was expected the parts of something really take, learned from each and shared by all.

A part takes (or a payload has) expected * e^(slow + fast + own_part + noise): a machine that is fast at one
layer is fast at the next, load comes and goes within a minute, and each part has something of its own. The
three are independent Ornstein-Uhlenbeck processes around 0, which is the expectation, and a Kalman filter
follows them (Kalman 1960; the weights against odd values are those of a Student's t, as in Huber's robust
filters). What is not heard of any more goes back to what was expected, each term in its own time.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

NOISE = 0.2  # standard deviation of the logarithm of a part's time
FREEDOM = 4.0
_SURPRISE = 3.0  # standard deviations; farther off, either this value is odd or all has changed
_MAX_LOG = math.log(1e4)
_MIN = 1e-3  # of whatever is measured: below this a clock says nothing
_MAX_VARIANCE = 0.5  # of a logarithm: even a guess is worth something


class Term(NamedTuple):
    """One of the processes."""

    spread: float  # standard deviation of its logarithm where nothing is known
    seconds: float  # in which it goes back to 0


class Terms(NamedTuple):
    """How what is learned behaves."""

    slow: Term
    fast: Term
    own: Term


TIMES = Terms(slow=Term(1.5, 7 * 86400.0), fast=Term(0.7, 60.0), own=Term(0.4, 86400.0))
SIZES = Terms(slow=Term(0.2, 86400.0), fast=Term(0.1, 60.0), own=Term(0.1, 86400.0))


class Factor(NamedTuple):
    """The median, and the standard deviation as a part of it."""

    median: float
    doubt: float


class Factors:
    """What is believed of every part. `now` is any clock in seconds, the same for all calls."""

    def __init__(self, parts: Sequence[str], terms: Terms, now: float = 0.0) -> None:
        self._index = {name: row for row, name in enumerate(dict.fromkeys(parts), start=2)}
        all_terms = [terms.slow, terms.fast, *[terms.own] * len(self._index)]
        self._spread = np.array([term.spread for term in all_terms])
        self._seconds = np.array([term.seconds for term in all_terms])
        self._mean = np.zeros(len(all_terms))
        self._covariance = np.diag(self._spread**2)
        self._at = now

    def observe(self, part: str, expected: float, measured: float, now: float, jitter: float = 0.0) -> None:
        """A part took so long, or so many bytes. What no clock can have meant is ignored.

        `jitter`: what comes and goes on top of whatever is measured, in its unit. A difference as small says
        nothing: twenty times what was expected would else be believed of all parts when a thread that has
        next to nothing to do is woken a millisecond late.
        """
        if part not in self._index or expected <= _MIN or not _MIN < measured < math.inf:
            return
        self._elapse(now)
        row = np.zeros(len(self._mean))
        row[[0, 1, self._index[part]]] = 1.0
        believed = expected * math.exp(float(row @ self._mean))
        certain = believed + math.copysign(max(abs(measured - believed) - jitter, 0.0), measured - believed)
        surprise = math.log(certain / believed)
        least = NOISE**2 + (jitter / max(certain, believed)) ** 2
        known = float(row @ self._covariance @ row)
        distance = surprise**2 / (known + least)
        noise = least * (FREEDOM + distance) / (FREEDOM + 1)
        gain = self._covariance @ row / (known + noise)
        self._mean = np.clip(self._mean + gain * surprise, -_MAX_LOG, _MAX_LOG)
        self._covariance -= np.outer(gain, row @ self._covariance)
        if distance > _SURPRISE**2:
            self._covariance[1, 1] += self._spread[1] ** 2  # the next one tells which it was

    def factor(self, part: str, now: float) -> Factor:
        """Of a part. Raises KeyError."""
        return self._factor([0, 1, self._index[part]], now)

    def shared(self, now: float) -> Factor:
        """What all parts have in common."""
        return self._factor([0, 1], now)

    def state(self) -> dict[str, Any]:
        """For JSON; `restore` reads it."""
        own = {name: float(self._mean[row]) for name, row in self._index.items() if self._mean[row]}
        return {"slow": float(self._mean[0]), "own": own}

    def restore(self, state: Mapping[str, Any], age: float, now: float) -> None:
        """Go on from a saved state, `age` seconds old. Raises ValueError, KeyError or TypeError."""
        slow, own = _log(state["slow"]), {str(name): _log(log) for name, log in dict(state["own"]).items()}
        self._at = now
        self._mean[0] = slow
        for name in self._index.keys() & own.keys():
            self._mean[self._index[name]] = own[name]
        # what was known for sure is known less so: the machine may be another one's neighbour now
        self._covariance = np.diag((self._spread / 2) ** 2)
        self._elapse(now + age)
        self._at = now

    def _factor(self, rows: list[int], now: float) -> Factor:
        self._elapse(now)
        log, variance = float(self._mean[rows].sum()), float(self._covariance[np.ix_(rows, rows)].sum())
        return Factor(math.exp(log), math.sqrt(math.expm1(min(max(variance, 0.0), _MAX_VARIANCE))))

    def _elapse(self, now: float) -> None:
        if now <= self._at:
            return
        keep = np.exp(-(now - self._at) / self._seconds)
        self._mean *= keep
        self._covariance *= np.outer(keep, keep)
        self._covariance += np.diag((1 - keep**2) * self._spread**2)
        self._at = now


def _log(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else math.nan
    if not abs(number) <= _MAX_LOG:
        raise ValueError(f"{value!r} is not the logarithm of a factor")
    return number
