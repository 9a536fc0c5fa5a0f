"""Whether the cloud is worth a call: open after a failed one, for a delay that doubles up to a cap and is
jittered.
"""

import random
from collections.abc import Callable

FIRST_SECONDS = 1.0
MAX_SECONDS = 60.0


class Breaker:
    """`now` is any monotonic clock in seconds; `jitter` gives numbers in [0, 1)."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self.failures, self.unavailable_reason, self._until, self._lasting = 0, "", 0.0, False

    def wait(self, now: float) -> float:
        """Seconds until a call is let through; 0 if one is welcome now."""
        return max(self._until - now, 0.0) if self.failures else 0.0

    def failed(self, unavailable_reason: str, now: float, *, lasting: bool = False) -> None:
        """A call failed: wait, the longer the more have failed in a row, between half and all of the doubled
        delay. `lasting`: asking again does not help before somebody changes something.
        """
        self.failures, self.unavailable_reason = self.failures + 1, unavailable_reason
        self._lasting = lasting
        delay = FIRST_SECONDS * 2 ** min(self.failures - 1, 16)
        delay = MAX_SECONDS if lasting else min(MAX_SECONDS, delay)
        self._until = now + delay * (1 + self._jitter()) / 2

    def succeeded(self) -> None:
        self.failures, self.unavailable_reason, self._until, self._lasting = 0, "", 0.0, False

    def state(self, now: float) -> dict[str, object]:
        """For JSON; `restore` reads it. What lasts is not kept: the next process may find it mended."""
        if self._lasting:
            return Breaker().state(now)
        return {
            "failures": self.failures,
            "unavailable_reason": self.unavailable_reason,
            "wait": self.wait(now),
        }

    def restore(self, failures: int, unavailable_reason: str, wait: float, now: float) -> None:
        """Go on from a saved state; a wait is never longer than the cap."""
        self.failures, self.unavailable_reason = max(failures, 0), unavailable_reason
        self._until = now + min(max(wait, 0.0), MAX_SECONDS)
