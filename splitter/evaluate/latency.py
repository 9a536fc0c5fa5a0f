"""How long an action takes on this machine."""

import statistics
import time
from collections.abc import Callable

_REPETITIONS = 15
_MAX_SECONDS = 10.0


def median_milliseconds(action: Callable[[], object]) -> float:
    """Median wall time of an action, after one run to warm up; of fewer runs where they take long."""
    action()
    times: list[float] = []
    until = time.perf_counter() + _MAX_SECONDS
    while len(times) < _REPETITIONS and not (times and time.perf_counter() > until):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(times)
