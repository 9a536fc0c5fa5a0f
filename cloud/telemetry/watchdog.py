"""Whether the model still works, or hangs in a step: a thread that hangs can be ended by nobody."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOKS = 4  # in the time that a step may take
_MAX_LOOK_SECONDS = 1.0


class Watchdog:
    """Knows since when the model has been at its steps. Belongs to the event loop."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`limit`: seconds that a step may take."""
        self.limit, self._clock = limit, clock
        self._began: dict[object, float] = {}

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around a step; several may be under way."""
        step = object()
        self._began[step] = self._clock()
        try:
            yield
        finally:
            del self._began[step]

    @property
    def hangs(self) -> bool:
        """Whether a step takes longer than any may."""
        return any(self._clock() - began > self.limit for began in self._began.values())

    async def hanging(self) -> None:
        """Wait until a step takes longer than any may."""
        while not self.hangs:  # noqa: ASYNC110 - a thread that hangs tells nobody
            await asyncio.sleep(min(self.limit / _LOOKS, _MAX_LOOK_SECONDS))
