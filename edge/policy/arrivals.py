"""How often something comes: requests to a device, calls to its link."""

from collections import deque

_REMEMBERED = 16  # arrivals
_FEWEST = 4  # say something


class ArrivalRate:
    """The mean over the last that came. Instants are in seconds, of any clock."""

    def __init__(self) -> None:
        self._instants: deque[float] = deque(maxlen=_REMEMBERED)

    def arrived(self, instant: float) -> None:
        """One came."""
        self._instants.append(instant)

    @property
    def mean(self) -> float:
        """How many a second up to the last; 0 while too little is known.

        A queue is decided on long after it came: the time since then says nothing of how often requests come.
        """
        if len(self._instants) < _FEWEST:
            return 0.0
        return (len(self._instants) - 1) / max(self._instants[-1] - self._instants[0], 1e-3)
