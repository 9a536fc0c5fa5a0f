"""One run of a question, for all who wait for what it says."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from cloud.engine.job import NEVER, Event, before, deadline_passed
from protos.errors import CloudError

_EVENT_BYTES = 256  # what an event takes beside its text


class Run:
    """The events of a run: who comes late gets them from the first on. Belongs to the event loop."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._error: Exception | None = None
        self._grown = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes of memory."""
        texts = (
            event.encode() if isinstance(event, str) else event.SerializeToString() for event in self._events
        )
        return sum(len(text) + _EVENT_BYTES for text in texts)

    @property
    def over(self) -> bool:
        """Whether no event is to come."""
        return bool(self._error or (self._events and not isinstance(self._events[-1], str)))

    def add(self, event: Event) -> None:
        self._events.append(event)
        self._wake()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._wake()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around the work that adds the events: where it breaks off, whoever waits for the run gets why."""
        try:
            yield
        except asyncio.CancelledError:
            self.fail(CloudError("the run of this request was ended; ask again"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits for the run gets it
            self.fail(error)

    def whole(self) -> tuple[str, Event]:
        """The text of a run that is over, and its last event."""
        *pieces, end = self._events
        return "".join(map(str, pieces)), end

    def compact(self) -> None:
        """Make one piece of the text, once the run is over."""
        text, end = self.whole()
        self._events = [text, end] if text else [end]

    async def events(self, deadline: float = NEVER) -> AsyncIterator[Event]:
        """All of them from the first on, as they come. Raises what the run failed with, or DeadlineError."""
        given, events = 0, self._events
        while True:
            while given < len(events):
                if time.monotonic() >= deadline:  # others may have more time
                    raise deadline_passed()
                yield events[given]
                given += 1
            if events and not isinstance(events[-1], str):
                return
            if self._error:
                raise self._error
            await before(deadline, self._grown.wait())

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
