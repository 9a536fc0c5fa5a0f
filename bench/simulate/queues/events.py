"""What happens when: events in the order of their time, those of one instant as they were planned."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Event:
    """Something that will happen, unless it is cancelled."""

    action: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Events:
    """`now` is the instant of the event under way, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Event]] = []
        self._order = itertools.count()

    def at(self, instant: float, action: Callable[[], None]) -> Event:
        """Plan an event; one of the past happens now."""
        event = Event(action)
        heapq.heappush(self._planned, (max(instant, self.now), next(self._order), event))
        return event

    def after(self, seconds: float, action: Callable[[], None]) -> Event:
        return self.at(self.now + seconds, action)

    def run(self) -> None:
        """Until nothing more is planned."""
        while self._planned:
            at, _, event = heapq.heappop(self._planned)
            if not event.cancelled:
                self.now = at
                event.action()
