"""How many threads torch computes a model with on a CPU: as many as are worth it, measured.

Threads wait for each other at the end of every product. Where products are small that takes longer than the
other thread saves, and a core that waits is one that requests are not decoded on.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_MOST = torch.get_num_threads()  # torch's own choice, as long as nobody has made another
_SECONDS = 0.1  # of measuring, for each number of threads
_MAX_RATIO = 1.1  # half the threads may take so much longer


def suitable_threads(trial_seconds: Callable[[], float], most: int = _MOST) -> int:
    """The number of threads for a model whose trial takes so many seconds: half of `most`, where that takes
    hardly longer than all, half of these, and so on.
    """
    threads, least = most, _measured(trial_seconds, most) if most > 1 else 0.0
    while threads > 1:
        seconds = _measured(trial_seconds, threads // 2)
        if seconds > _MAX_RATIO * least:
            break
        threads, least = threads // 2, min(least, seconds)
    return threads


def _measured(trial_seconds: Callable[[], float], threads: int) -> float:
    """The least of several trials, on a thread of their own, as the engine's is not the one that loads."""
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(1) as worker:
            return worker.submit(_least, trial_seconds, threads).result()
    finally:
        torch.set_num_threads(before)  # a part of it is the whole process's


def _least(trial_seconds: Callable[[], float], threads: int) -> float:
    torch.set_num_threads(threads)
    least, until = trial_seconds(), time.monotonic() + _SECONDS
    while time.monotonic() < until:
        least = min(least, trial_seconds())
    return least
