"""Two chains of pieces timed against each other, until it is sure which is the faster."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import comb, inf

import numpy as np
from numpy.typing import NDArray

from splitter.graph.chain import Chain

CLEARLY = 1.1  # FP32 takes four times the bytes: for less than a tenth of the time they are not worth it
_DOUBT = 0.001  # how often the interval may be wrong
_MIN_TURNS, _MAX_TURNS = 15, 90
_MAX_SECONDS = 60.0


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one picture through the whole chain, in FP32 and in the other format: of all turns the
    fastest, which other work of the machine disturbs least.

    `low` to `high` holds how many times as fast as FP32 the other is, whatever else the machine did.
    """

    fp32: float
    form: float
    low: float
    high: float

    @property
    def speed(self) -> float:
        """How many times as fast as FP32 the other is."""
        return self.fp32 / self.form

    @property
    def clearly_slower(self) -> bool:
        """Whether FP32 is surely faster, and by more than it costs."""
        return self.high < 1 / CLEARLY


def timing(fp32: Chain, form: Chain, pixels: NDArray[np.float32], threads: int = 1) -> Timing:
    """Both on one picture (1, 3, h, w).

    One thread is timed by its own clock: on a busy machine the slower of two forms is the one that is
    interrupted.
    """
    clock = time.thread_time if threads == 1 else time.perf_counter

    def taken(chain: Chain) -> float:
        begin = clock()
        chain.run(pixels)
        return 1e3 * (clock() - begin)

    return compared(lambda: taken(fp32), lambda: taken(form))


def compared(fp32: Callable[[], float], form: Callable[[], float]) -> Timing:
    """Two things, which tell the milliseconds that they took, in turns: what else the machine does falls on
    both alike. They are repeated until it is sure whether the second is clearly slower, or time is up.
    """
    fp32(), form()  # to warm up
    times: list[tuple[float, float]] = []
    until = time.perf_counter() + _MAX_SECONDS
    while len(times) < _MAX_TURNS and not (times and time.perf_counter() > until):
        # who goes first takes turns too
        times.append((fp32(), form()) if len(times) % 2 else (form(), fp32())[::-1])
        low, high = interval([exact / other for exact, other in times])
        if len(times) >= _MIN_TURNS and (low > 1 / CLEARLY or high < 1 / CLEARLY):
            break
    fastest, fastest_form = (min(each) for each in zip(*times, strict=True))
    return Timing(fastest, fastest_form, low, high)


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """What surely holds the median of that of which these are samples, however they are spread: the interval
    of the sign test. Of fewer than eleven it is everything.
    """
    count, ordered = len(ratios), sorted(ratios)
    below = accumulate(comb(count, rank) / 2**count for rank in range(count))
    rank = sum(2 * chance <= _DOUBT for chance in below)
    return (ordered[rank - 1], ordered[-rank]) if rank else (0.0, inf)
