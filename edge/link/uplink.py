"""How fast the way up is and how long the way there and back, learned from exchanges one by one.

An exchange of x bytes takes t = a + b x milliseconds: a is the round trip, b = 8000 / rate. Links change by
factors, not by differences, so the fit is of ln t. It is a weighted least squares with a prior, robust and
forgetful, kept as the evidence E for every pair on a grid of (ln a, ln b), so that nothing is linearised and
the best pair cannot be missed:

    r = (ln t - ln(a + b x)) / NOISE
    E = keep E - (FREEDOM + 1) / 2 ln(1 + r^2 / FREEDOM)        keep = KEEP e^(-dt/T)

The loss is Student's: one odd exchange is ignored, several alike move the estimate. `keep` forgets with every
exchange and with time. The belief is prior e^E, both ln a and ln b normal in the prior; the estimate is its
peak (means of a and of b would not fit together). The prior decides what one size of payload cannot, how much
is round trip and how much rate, and comes back when a link has long been idle, so that a bad hour does not
lock the device in. A call without a reply in t says that a + b x >= t: its evidence is ln(1 / (1 + e^r)).
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

PRIOR_ROUND_TRIP_MS, ROUND_TRIP_SPREAD = 40.0, 1.0  # median; standard deviation of its logarithm
PRIOR_RATE, RATE_SPREAD = 5e6, 2.0  # bits a second
NOISE = 0.2  # a measured time is right to about 20%
FREEDOM = 3.0
KEEP = 0.8  # of the evidence, an exchange
FORGET_SECONDS = 900.0  # T
MIN_MS = 0.02
_MAX_REMEMBERED = 32  # KEEP to this power is under 0.1%
_WORST_SILENCE = -8.0

_LN_A = np.linspace(math.log(0.05), math.log(30e3), 96)[:, None]
_LN_RATE = np.linspace(math.log(1e3), math.log(20e9), 112)[None, :]
_A, _B = np.exp(_LN_A), 8000 / np.exp(_LN_RATE)
_PRIOR = (
    -(
        ((_LN_A - math.log(PRIOR_ROUND_TRIP_MS)) / ROUND_TRIP_SPREAD) ** 2
        + ((_LN_RATE - math.log(PRIOR_RATE)) / RATE_SPREAD) ** 2
    )
    / 2
)

Observation = tuple[int, float, float, bool]  # bytes, milliseconds, instant, whether no reply came


class UplinkEstimator:
    """The estimate and its doubt. `now` is any monotonic clock in seconds, the same for all calls."""

    def __init__(self, now: float = 0.0) -> None:
        self._evidence = np.zeros_like(_PRIOR)
        self._observed: deque[Observation] = deque(maxlen=_MAX_REMEMBERED)
        self._at = now
        self.exchanges = 0.0  # how many stand behind the estimate, old ones counting less
        self._believe()

    def predict(self, sent: int) -> float:
        """Milliseconds that an exchange of this many bytes would take."""
        return self.round_trip_ms + 8000 * sent / self.rate

    def elapse(self, now: float) -> None:
        """Let time pass: forget."""
        if now > self._at:
            self._forget(math.exp(-(now - self._at) / FORGET_SECONDS))
            self._at = now
            self._believe()

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
            for s in state[-_MAX_REMEMBERED:]
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
        self._forget(KEEP * math.exp(-max(now - self._at, 0.0) / FORGET_SECONDS))
        self._at = max(now, self._at)
        surprise = (math.log(max(milliseconds, MIN_MS)) - np.log(_A + _B * max(sent, 1))) / NOISE
        self._evidence += (
            _silence(surprise) if silent else -(FREEDOM + 1) / 2 * np.log1p(surprise**2 / FREEDOM)
        )
        self.exchanges += 1
        self._believe()

    def _forget(self, keep: float) -> None:
        self._evidence *= keep
        self.exchanges *= keep

    def _believe(self) -> None:
        """The peak of the belief, between grid points as its neighbours weigh, and how far the rate may be
        off.
        """
        belief = np.exp(_PRIOR + self._evidence - (_PRIOR + self._evidence).max())
        row, column = divmod(int(belief.argmax()), belief.shape[1])
        near = np.s_[max(row - 2, 0) : row + 3], np.s_[max(column - 2, 0) : column + 3]
        peak = belief[near] / belief[near].sum()
        ln_rate = float((peak * _LN_RATE[:, near[1]]).sum())
        self.round_trip_ms = math.exp(float((peak * _LN_A[near[0]]).sum()))
        self.rate = math.exp(ln_rate)  # bits a second
        # relative standard error of the rate
        self.doubt = math.sqrt(float((belief * (_LN_RATE - ln_rate) ** 2).sum() / belief.sum()))


def _silence(surprise: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(-np.logaddexp(0, surprise), _WORST_SILENCE)
