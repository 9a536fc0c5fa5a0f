"""When a process that ended is started again: pure."""

_MAX_RESTARTS = 5
_WITHIN_SECONDS = 600.0
_MAX_DELAY = 30.0


class Restarts:
    """At once at first, then after longer and longer, and not at all where it ends again and again."""

    def __init__(self) -> None:
        self._ended: list[float] = []
        self.count = 0  # of all times

    def delay(self, now: float) -> float | None:
        """Seconds to wait, where it ended at an instant; None: it is given up."""
        self._ended = [instant for instant in self._ended if now - instant < _WITHIN_SECONDS]
        before = len(self._ended)
        if before >= _MAX_RESTARTS:
            return None
        self._ended.append(now)
        self.count += 1
        return min(2.0 ** (before - 1), _MAX_DELAY) if before else 0.0
