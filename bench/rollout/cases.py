"""The candidates that are rolled out in the simulation, harmless and harmful ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cloud.rollout.canary import Bounds

BOUNDS = Bounds(slowdown=0.05, failures=0.02, changed=0.1, alpha=0.01)
_REQUESTS, _SHADOWED = 1000, 400  # pairs: of independent requests, one of each version; of one that both ran
_TWO = math.sqrt(2)  # by so much wider is the difference of two independent times


@dataclass(frozen=True)
class Case:
    """A candidate, and the pairs by which it is judged. `noise`: standard deviation of a pair's log ratio of
    times.
    """

    group: str
    name: str
    pairs: int
    noise: float
    slowdown: float = 0.0  # of every request, as a part of its time
    tail: float = 0.0  # the same, of one request in ten
    stable_failures: float = 0.02
    candidate_failures: float = 0.02
    changed: float = 0.02


def cases() -> Sequence[Case]:
    """In the order of the table."""
    return [
        *(
            Case(
                "harmless, 0.1% failures",
                f"{pairs} pairs",
                pairs,
                0.2,
                stable_failures=0.001,
                candidate_failures=0.001,
            )
            for pairs in (400, 600, 800)
        ),
        Case("harmless", "2% failures", _REQUESTS, 0.2),
        Case("harmless", "independent requests", _REQUESTS, 0.3 * _TWO),
        Case("harmless", "at every bound", _REQUESTS, 0.2, slowdown=BOUNDS.slowdown, changed=0.1),
        *(
            Case("failures, 2% before", f"{rate:.1%}", _REQUESTS, 0.2, candidate_failures=rate)
            for rate in (0.022, 0.04, 0.06, 0.12)
        ),
        *(
            Case("10% slower, independent requests", f"spread {spread}", _REQUESTS, spread * _TWO, 0.1)
            for spread in (0.1, 0.2, 0.3, 0.5)
        ),
        *(
            Case("10% slower, both run each request", f"noise {noise}", _SHADOWED, noise, 0.1)
            for noise in (0.1, 0.2, 0.3)
        ),
        Case("a tenth of requests 50% slower", "noise 0.1", _SHADOWED, 0.1, tail=0.5),
        *(
            Case("other answers, 10% allowed", f"{rate:.0%}", _SHADOWED, 0.2, changed=rate)
            for rate in (0.15, 0.2, 0.3)
        ),
    ]
