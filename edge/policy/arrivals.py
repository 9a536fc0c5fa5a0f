"""How often a device is asked."""

from collections import deque

_REMEMBERED = 16  # arrivals
_FEWEST = 4  # say something


class ArrivalRate:
    """The mean over the last requests. Instants are in seconds, of any clock."""

    def __init__(self) -> None:
        self._instants: deque[float] = deque(maxlen=_REMEMBERED)

    def arrived(self, instant: float) -> None:
        """A request came."""
        self._instants.append(instant)

    def mean(self, now: float) -> float:
        """Requests a second; 0 while too little is known."""
        if len(self._instants) < _FEWEST:
            return 0.0
        return (len(self._instants) - 1) / max(now - self._instants[0], 1e-3)
