"""The links of a fleet: what each device's is like, and classes of them."""

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.observed import Period, Values
from protos.costs.estimates import LinkStates

UNKNOWN = "unknown"
BANDS = (("under-1", 1e6), ("1-5", 5e6), ("5-20", 20e6), ("over-20", np.inf))  # Mbit/s, bits a second
_MAX_DOUBT = 0.6  # a rate that is less known was guessed
# of a normal distribution: five states of equal probability, each its part's mean (Lloyd 1982 of such parts)
STATES = np.array([-1.40, -0.532, 0.0, 0.532, 1.40])
_LEAST_SPREAD, _MOST_SPREAD = 0.02, 2.0  # standard deviation of a logarithm


def link_known(period: Period) -> NDArray[np.bool_]:
    """Whether a device has told a link that it has tried."""
    told = np.maximum(period.sums["links"], 1.0)
    return np.asarray((period.sums["links"] > 0) & (period.sums["doubt"] / told <= _MAX_DOUBT))


def link_rates(period: Period) -> Values:
    """Bits a second, the geometric mean of what was told."""
    return np.asarray(np.exp(period.sums["log_rate"] / np.maximum(period.sums["links"], 1.0)))


def link_classes(period: Period) -> NDArray[np.str_]:
    """Of each device."""
    rates = link_rates(period)
    names = np.array([name for name, _ in BANDS], dtype=np.str_)
    bands = names[np.searchsorted([most for _, most in BANDS], rates, side="left")]
    return np.where(link_known(period), bands, UNKNOWN)


def link_states(period: Period) -> LinkStates:
    """What each link was, as five states of equal probability: rates are log-normal over a day."""
    told = np.maximum(period.sums["links"], 1.0)
    mean = period.sums["log_rate"] / told
    variance = period.sums["log_rate_squares"] / told - mean**2
    spread = np.clip(np.sqrt(np.maximum(variance, 0.0)), _LEAST_SPREAD, _MOST_SPREAD)
    rates = np.exp(mean + STATES[:, None] * spread)
    trips = np.exp(period.sums["log_round_trip"] / told)
    return LinkStates(
        np.full(len(STATES), 1 / len(STATES)),
        np.broadcast_to(trips, rates.shape),
        8000 / np.maximum(rates, 1.0),
        0.0,
        np.zeros((1, 1)),
        np.full((1, 1), 1e12),
    )
