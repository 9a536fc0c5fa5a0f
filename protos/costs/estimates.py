"""What is believed of the link and of the cloud: a device learns it, the cost model reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.bundle import PICTURE_CUT

LONGEST_MS = 60_000.0  # nobody waits longer for a link; what would take more counts as this
_LOGISTIC = 1.702  # the logistic curve that is nearest to the normal distribution's

Values = NDArray[np.float64]
_FOR_EVER_MS = 1e12


@dataclass(frozen=True, eq=False)
class LinkStates:
    """What a link may be at this instant: one entry for each round trip and rate that is possible.

    A state that has lasted for A is likely to last for A more: it lasts for another t with probability
    A / (A + t), as what has no scale of its own does (Gott 1993, Nature 363). An exchange that would take t
    in this state takes the integral of that on average, A ln(1 + t / A): an outage of a second that is over
    soon is not taken for one of a minute.
    """

    probability: Values
    round_trip_ms: Values
    ms_a_byte: Values
    noise: float  # standard deviation of the logarithm of a time, the state being known
    before_ms: Values = field(default_factory=partial(np.zeros, 1))  # what is before a newcomer
    age_ms: Values = field(default_factory=partial(np.full, 1, _FOR_EVER_MS))  # that the state has lasted

    @classmethod
    def steady(cls, uplink: float, round_trip_ms: float) -> Self:
        """A link that is known: so many bits a second."""
        return cls(np.ones(1), np.array([round_trip_ms]), np.array([8000 / uplink]), 0.0)

    def mean_ms(self, sent: float) -> float:
        """How long an exchange of so many bytes takes on average."""
        return float(self.means_ms(sent))

    def means_ms(self, sent: float | Values) -> Values:
        """The same of many links: round trips and rates have an entry for each state and link, in this order,
        and `sent` may have one for each link.
        """
        return self._mean(self._times(sent))

    @property
    def backlog_ms(self) -> float:
        """What is before a newcomer, on average."""
        return float(self._mean(self.before_ms))

    def within(self, sent: float, milliseconds: float, spread_ms: float = 0.0) -> float:
        """The probability that an exchange takes at most so long, where `milliseconds` are themselves only
        known to a standard deviation of `spread_ms`. That the state may end meanwhile is left out.
        """
        times = self._times(sent)
        deviation = np.hypot(self.noise * times, max(spread_ms, 1e-9))
        steps = np.clip(_LOGISTIC * (milliseconds - times) / deviation, -50, 50)
        return float(self.probability @ (1 / (1 + np.exp(-steps))))

    def quantile_ms(self, sent: float, part: float) -> float:
        """The time that an exchange stays within with probability `part`, scatter left out, if the state
        lasts.
        """
        times = self._times(sent)
        order = np.argsort(times)
        index = np.searchsorted(np.cumsum(self.probability[order]), part)
        return float(times[order[min(int(index), len(order) - 1)]])

    def slow_ms(self, sent: float) -> float:
        """What an exchange takes at worst, one of twenty left out."""
        return self.quantile_ms(sent, 0.95) * (1 + 2 * self.noise)

    def _times(self, sent: float | Values) -> Values:
        return self.before_ms + self.round_trip_ms + self.ms_a_byte * sent

    def _mean(self, times: Values) -> Values:
        lasting = self.age_ms * np.log1p(times / self.age_ms)
        return np.asarray(self.probability @ np.minimum(lasting, LONGEST_MS))


NO_LINK = LinkStates(np.ones(1), np.zeros(1), np.zeros(1), 0.0)  # what sends nothing waits for nothing


@dataclass(frozen=True)
class LinkEstimate:
    """What past exchanges say of the way to the cloud."""

    states: LinkStates
    up: bool = True  # False while the breaker is open
    retry_seconds: float = 0.0  # until the breaker lets one call through
    unavailable_reason: str = ""  # why it is open

    @classmethod
    def steady(cls, uplink: float, round_trip_ms: float) -> Self:
        """A link that is known: so many bits a second."""
        return cls(LinkStates.steady(uplink, round_trip_ms))

    @property
    def outage(self) -> str:
        """Why no call is let through now, and until when; empty if one is welcome."""
        reason = self.unavailable_reason or "cloud unreachable"
        return "" if self.up else f"{reason}, next try in {self.retry_seconds:.0f} s"


@dataclass(frozen=True)
class CloudEstimate:
    """What the cloud takes: the split's guess at first, then what its replies report."""

    entry_ms: Mapping[str, float]  # per cut ("pixels" for a picture): payload to image tokens
    prefill_ms: float
    token_ms: float
    queue_ms: float = 0.0
    doubt: float = 0.0  # standard deviation of these times, as a part of each

    @classmethod
    def from_measurements(cls, measured: pb.Measurements) -> Self:
        """The first guess: what the machine that split the model took."""
        cost = measured.cloud_cost
        entry = {name: cut.cloud_milliseconds for name, cut in measured.cuts.items()} | {
            PICTURE_CUT: cost.vision_milliseconds
        }
        return cls(entry, cost.prefill_milliseconds, cost.token_milliseconds)
