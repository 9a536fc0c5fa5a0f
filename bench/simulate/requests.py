"""The requests that a device is asked: when, and how long their answers are.

Drawn once by seed, so that every policy meets the same.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Arrival:
    """One request. `device` and `cloud` are what its work takes against the usual, there and there;
    `sureness`: how sure the device's own answer is among all, from 0, the least sure, to 1.
    """

    number: int
    at: float  # seconds from the start
    tokens: int
    device: float = 1.0
    cloud: float = 1.0
    sureness: float = 1.0


@dataclass(frozen=True)
class Demand:
    """How requests come. `rate` a second on average, for so many seconds; `periodic`: at equal distances."""

    rate: float
    seconds: float
    tokens: float = 8.0  # mean length of an answer
    max_tokens: int = 64
    periodic: bool = False
    noise: float = 0.0  # standard deviation of the logarithm of what work takes
    seed: int = 0


def arrivals(demand: Demand) -> list[Arrival]:
    """The requests of a run, one at least."""
    random = np.random.default_rng(demand.seed)
    count = max(1, round(demand.rate * demand.seconds))
    if demand.periodic:
        instants = np.arange(count) / demand.rate
    else:  # of a Poisson process, given how many there are
        instants = np.sort(random.uniform(0.0, demand.seconds, count))
    lengths = np.clip(1 + random.poisson(max(demand.tokens - 1, 0.0), count), 1, demand.max_tokens)
    noise = np.exp(demand.noise * random.standard_normal((count, 2)))
    sureness = np.random.default_rng([demand.seed, 2]).uniform(size=count)
    return [
        Arrival(number, float(at), int(tokens), float(here), float(there), float(sure))
        for number, (at, tokens, (here, there), sure) in enumerate(
            zip(instants, lengths, noise, sureness, strict=True)
        )
    ]


def offset(seed: int, seconds: float) -> float:
    """Where in a trace of this length a run begins; whole milliseconds."""
    return math.floor(1000 * np.random.default_rng([seed, 1]).uniform(0.0, seconds)) / 1000
