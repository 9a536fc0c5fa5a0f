"""How something comes: requests to a device, calls to its link."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, pvariance

_REMEMBERED = 16  # arrivals
_FEWEST = 4  # say something


@dataclass(frozen=True)
class Flow:
    """`rate`: how many a second; `variability`: the squared coefficient of variation of the time from one to
    the next, 0 like clockwork, 1 (at most) as chance has it.
    """

    rate: float = 0.0
    variability: float = 1.0


class Arrivals:
    """The last that came. Instants are in seconds, of any clock."""

    def __init__(self) -> None:
        self._instants: deque[float] = deque(maxlen=_REMEMBERED)

    def arrived(self, instant: float) -> None:
        """One came."""
        self._instants.append(instant)

    @property
    def flow(self) -> Flow:
        """Up to the last; none while too little is known.

        A queue is decided on long after it came: the time since then says nothing of how often requests come.
        """
        if len(self._instants) < _FEWEST:
            return Flow()
        instants = list(self._instants)
        gaps = [later - earlier for earlier, later in pairwise(instants)]
        usual = max(mean(gaps), 1e-4)
        return Flow(1 / usual, min(pvariance(gaps) / usual**2, 1.0))
