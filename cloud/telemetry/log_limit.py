"""Keeps a caller who is refused a thousand times a second from filling the operator's disk."""

import logging
import time
from collections import Counter
from collections.abc import Callable


class LogLimit(logging.Filter):
    """Lets a place in the code warn so often in so many seconds; then a line says how many it left out."""

    def __init__(
        self, lines: int = 20, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._lines, self._seconds, self._clock = lines, seconds, clock
        self._began = clock()
        self._said: Counter[tuple[str, int]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be written."""
        if record.levelno < logging.WARNING:
            return True
        place = record.pathname, record.lineno
        left_out = self._said[place] - self._lines
        if self._clock() - self._began >= self._seconds:
            self._began = self._clock()
            self._said.clear()
            if left_out > 0:
                record.msg = f"{record.getMessage()} ({left_out} like it were left out)"
                record.args = ()
        self._said[place] += 1
        return self._said[place] <= self._lines
