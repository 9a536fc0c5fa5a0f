"""Two chains of pieces timed against each other."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splitter.graph.chain import Chain

_TURNS = 15
_MAX_SECONDS = 20.0


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one picture through the whole chain, in FP32 and in the other format.

    Of all turns the fastest, which other work of the machine disturbs least.
    """

    fp32: float
    form: float

    @property
    def speed(self) -> float:
        """How many times as fast as FP32 the other is."""
        return self.fp32 / self.form


def timing(fp32: Chain, form: Chain, pixels: NDArray[np.float32], threads: int = 1) -> Timing:
    """Both in turns on one picture (1, 3, h, w), so that what else the machine does falls on both alike.

    One thread is timed by its own clock: on a busy machine the slower of two forms is the one that is
    interrupted.
    """
    clock = time.thread_time if threads == 1 else time.perf_counter
    chains: Sequence[Chain] = (fp32, form)
    times: list[list[float]] = [[], []]
    until = time.perf_counter() + _MAX_SECONDS
    for turn in range(_TURNS + 1):
        for chain, kept in zip(chains, times, strict=True):
            begin = clock()
            chain.run(pixels)
            if turn:  # the first warms up
                kept.append(1e3 * (clock() - begin))
        if turn and time.perf_counter() > until:
            break
    return Timing(*map(min, times))
