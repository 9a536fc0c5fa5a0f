"""What adds up and fades: how much of something each has had lately."""

import math
from collections.abc import Callable, Hashable


class LeakyBuckets:
    """Buckets by name, each as the instant at which it is empty. Levels are the seconds until then, at most
    `deepest`; of more than `max_known` buckets those that are empty are forgotten.
    """

    def __init__(
        self, a_second: float, max_known: int, clock: Callable[[], float], deepest: float = math.inf
    ) -> None:
        """So many drops leak in a second."""
        self.a_second = a_second
        self._max_known, self._clock, self._deepest = max_known, clock, deepest
        self._empty: dict[Hashable, float] = {}

    def add(self, name: Hashable, drops: float) -> None:
        now = self._clock()
        empty = max(now, self._empty.get(name, now)) + drops / self.a_second
        self._empty[name] = min(now + self._deepest, empty)
        if len(self._empty) > self._max_known:
            self._empty = {known: instant for known, instant in self._empty.items() if instant > now}

    def level(self, name: Hashable) -> float:
        """Seconds until it is empty."""
        return max(0.0, self._empty.get(name, 0.0) - self._clock())
