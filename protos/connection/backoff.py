"""How long to wait before another try, jittered so that many devices do not come at once."""

import random


class Backoff:
    """Doubled with each try, from the first wait to the longest, in seconds."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def seconds(self) -> float:
        """For this try; the next waits twice as long."""
        wait, self._next = self._next, min(2 * self._next, self._longest)
        return wait * random.uniform(0.5, 1)

    def reset(self) -> None:
        """A try has succeeded."""
        self._next = self._first
