"""What the way to the cloud takes, learned from exchanges one by one: a hidden state that sometimes changes.

An exchange of x bytes takes t = a + b x milliseconds, scattered: a is the round trip, b = 8000 / rate. The
belief is a probability for every pair on a grid of (ln a, ln rate), so that nothing is linearised, and what
one size of payload cannot tell, how much is round trip and how much is rate, stays open instead of being
settled by the prior. Between exchanges the link may have become another one (as in Sprout, Winstein et al.,
NSDI 2013, the belief spreads with time):

    stay   = (1 - CHANGE) e^(-dt / CORRELATION_SECONDS)         CHANGE once per exchange
    belief = stay belief + (1 - stay) usual
    belief ~ belief (ODD + L(t | a + b x))      L: Student's t of ln t, scale NOISE, FREEDOM degrees

One odd exchange says nothing, two in a row are a change. `usual` is how this link has been found over the
last REMEMBERED exchanges, odd ones among them, beginning with a prior: an outage, or a bad hour, is believed
in for as long as such things last, and counts afterwards as what may come again. A call without a reply in t
says that a + b x >= t: its likelihood is 1 / (1 + e^r), r = ln(t / (a + b x)) in units of NOISE.

Each state has an age: what has become likelier since the last exchange is no older than that. It tells how
long the state may last (`LinkStates`).
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from protos.costs.estimates import LinkStates

PRIOR_ROUND_TRIP_MS, ROUND_TRIP_SPREAD = 40.0, 1.0  # median; standard deviation of its logarithm
PRIOR_RATE, RATE_SPREAD = 5e6, 2.0  # bits a second
PRIOR_EXCHANGES = 5.0  # that the prior counts as, in `usual`
REMEMBERED = 200.0  # exchanges
CORRELATION_SECONDS = 20.0
CHANGE = 0.03
NOISE = 0.25  # a time is right to about 25%
FREEDOM = 4.0
ODD = 3e-4  # against the likelihood of what was expected
MIN_MS = 0.02
_MAX_SAVED = 200
_LEAST_AGE = 1e-3  # seconds
_LEAST = 1e-4  # cells that together hold no more than this are left out of what is told

_LN_A = np.linspace(math.log(0.05), math.log(30e3), 64)[:, None]
_LN_RATE = np.linspace(math.log(1e3), math.log(20e9), 72)[None, :]
_A, _B = np.exp(_LN_A), 8000 / np.exp(_LN_RATE)
_PRIOR = np.exp(
    -(
        ((_LN_A - math.log(PRIOR_ROUND_TRIP_MS)) / ROUND_TRIP_SPREAD) ** 2
        + ((_LN_RATE - math.log(PRIOR_RATE)) / RATE_SPREAD) ** 2
    )
    / 2
)
_PRIOR /= _PRIOR.sum()

Observation = tuple[int, float, float, bool]  # bytes, milliseconds, instant, whether no reply came
Floats = NDArray[np.float64]


class UnderWay(NamedTuple):
    """An exchange without a reply so far: its bytes, when it began, and what the cloud is likely to work."""

    sent: int
    begun: float
    working_ms: float


class UplinkEstimator:
    """The belief. `now` is any monotonic clock in seconds, the same for all calls."""

    def __init__(self, now: float = 0.0) -> None:
        self._belief, self._found, self._exchanges = _PRIOR.copy(), np.zeros_like(_PRIOR), 0.0
        self._age = np.full_like(_PRIOR, CORRELATION_SECONDS)
        self._observed: deque[Observation] = deque(maxlen=_MAX_SAVED)
        self._at = self._seen = now  # the newest instant, and that of the last exchange
        self._stay = 1.0  # the probability that the link did not change between them

    @property
    def rate(self) -> float:
        """Bits a second: the belief's median, near enough."""
        return math.exp(float((self._now(self._stay)[0] * _LN_RATE).sum()))

    @property
    def round_trip_ms(self) -> float:
        """Likewise."""
        return math.exp(float((self._now(self._stay)[0] * _LN_A).sum()))

    def states(self, under_way: Sequence[UnderWay] = ()) -> LinkStates:
        """What the link may be now, and what is still before a newcomer on it: `under_way` are the exchanges
        that have no reply yet, the oldest first. That it is still awaited is evidence, too.
        """
        before, silence, stay = np.zeros(()), np.ones(()), self._stay
        if under_way:
            waited = 1000 * (self._at - under_way[0].begun)
            sent = sum(exchange.sent for exchange in under_way)
            before = np.maximum(_B * sent - waited, 0.0)
            silence = _silence(_surprise(under_way[0].sent, waited - under_way[0].working_ms))
            stay *= 1 - CHANGE
        belief, age = self._now(stay)
        flat = (belief * silence).ravel()
        flat /= flat.sum()
        order = np.argsort(flat)[::-1]
        kept = order[: int(np.searchsorted(np.cumsum(flat[order]), 1 - _LEAST)) + 1]
        rows, columns = np.unravel_index(kept, belief.shape)
        return LinkStates(
            flat[kept] / flat[kept].sum(),
            _A[rows, 0],
            _B[0, columns],
            NOISE,
            np.broadcast_to(before, belief.shape)[rows, columns],
            1000 * age[rows, columns],
        )

    def elapse(self, now: float) -> None:
        """Let time pass: the link may have changed."""
        if now > self._at:
            self._stay *= math.exp(-(now - self._at) / CORRELATION_SECONDS)
            self._at = now

    def observe(self, sent: int, milliseconds: float, now: float) -> None:
        """An exchange of `sent` bytes took so long, the cloud's own work not counted."""
        self._learn((sent, milliseconds, now, False))

    def at_least(self, sent: int, milliseconds: float, now: float) -> None:
        """No reply came in this time: the link is at most that fast."""
        self._learn((sent, milliseconds, now, True))

    def state(self, now: float) -> list[dict[str, Any]]:
        """What was observed, for JSON, the oldest first; `restored` reads it."""
        return [
            {"bytes": sent, "ms": ms, "age": now - at, "silent": silent}
            for sent, ms, at, silent in self._observed
        ]

    @classmethod
    def restored(cls, state: Sequence[Any], now: float) -> Self:
        """Learn again from a saved state. Raises ValueError, KeyError or TypeError if it is not one."""
        observed = [
            (int(s["bytes"]), float(s["ms"]), now - max(float(s["age"]), 0.0), bool(s["silent"]))
            for s in state[-_MAX_SAVED:]
        ]
        if not all(sent >= 0 and 0 <= ms < math.inf and math.isfinite(at) for sent, ms, at, _ in observed):
            raise ValueError("not what was observed of a link")
        uplink = cls(min((at for _, _, at, _ in observed), default=now))
        for one in observed:
            uplink._learn(one)
        uplink.elapse(now)
        return uplink

    def _learn(self, observation: Observation) -> None:
        sent, milliseconds, now, silent = observation
        self._observed.append(observation)
        self.elapse(now)
        self._belief, self._age = self._now((1 - CHANGE) * self._stay)
        self._stay, self._seen = 1.0, now
        surprise = _surprise(sent, milliseconds)
        likelihood = _silence(surprise) if silent else _student(surprise)
        found = (self._belief + self._usual()) * likelihood
        self._belief *= likelihood + ODD
        self._belief /= self._belief.sum()
        keep = 1 - 1 / REMEMBERED
        self._found = keep * self._found + found / found.sum()
        self._exchanges = keep * self._exchanges + 1

    def _now(self, stay: float) -> tuple[Floats, Floats]:
        """The belief, and how long each state has lasted, in seconds, where the link is still in the state of
        the last exchange with probability `stay`: what has become likelier since is younger than that.
        """
        since = self._at - self._seen
        belief = stay * self._belief + (1 - stay) * self._usual()
        gained = np.maximum(belief - self._belief, 0.0)
        age = ((belief - gained) * (self._age + since) + gained * since) / belief
        return belief, np.maximum(age, _LEAST_AGE)

    def _usual(self) -> Floats:
        return (PRIOR_EXCHANGES * _PRIOR + self._found) / (PRIOR_EXCHANGES + self._exchanges)


def _surprise(sent: int, milliseconds: float) -> Floats:
    """How much longer than each state says, in units of NOISE."""
    surprise: Floats = np.log(max(milliseconds, MIN_MS) / (_A + _B * max(sent, 1))) / NOISE
    return surprise


def _student(surprise: Floats) -> Floats:
    density: Floats = (1 + surprise**2 / FREEDOM) ** (-(FREEDOM + 1) / 2)
    return density


def _silence(surprise: Floats) -> Floats:
    """Bounded below, as a packet may be lost on any link."""
    return np.maximum(1 / (1 + np.exp(np.minimum(surprise, 50.0))), 1e-4)
