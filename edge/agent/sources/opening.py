"""What a source is given when it is opened, and what outlives that."""

from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from threading import Event, Lock

from edge.pictures.resampling import Picture
from protos.errors import UnknownName

_LOOK_SECONDS = 0.2

Version = tuple[int, int]  # of a file: when it was changed (ns), its bytes


class Inbox:
    """Pictures that were pushed to a source and wait to be asked about."""

    def __init__(self, places: int) -> None:
        self._queue = Queue[Picture](places)

    def push(self, picture: Picture) -> bool:
        """False where it is full."""
        try:
            self._queue.put_nowait(picture)
        except Full:
            return False
        return True

    def next(self, closing: Event) -> Picture | None:
        """The oldest, as soon as there is one; None once `closing` is set."""
        while not closing.is_set():
            with suppress(Empty):
                return self._queue.get(timeout=_LOOK_SECONDS)
        return None


@dataclass(frozen=True)
class Opening:
    """`closing` is set when the source is to end: what waits, waits for it. `given`: the files that a folder
    gave, by name, whenever it was opened.
    """

    inboxes: "Inboxes"
    closing: Event = field(default_factory=Event)
    given: dict[str, Version] = field(default_factory=dict)


class Inboxes:
    """The inbox of every source that pictures are pushed to. From any thread."""

    def __init__(self) -> None:
        self._lock, self._inboxes = Lock(), dict[str, Inbox]()

    def push(self, source: str, picture: Picture) -> bool:
        """Hand a source an RGB picture (h, w, 3) of uint8. False where its inbox is full: try again later.
        Raises UnknownName where no such source takes pictures now.
        """
        with self._lock:
            inbox = self._inboxes.get(source)
            if inbox is None:
                raise UnknownName("source that pictures are pushed to", source, sorted(self._inboxes))
        return inbox.push(picture)

    def open(self, source: str, places: int) -> Inbox:
        """An empty inbox for a source, to be closed."""
        with self._lock:
            return self._inboxes.setdefault(source, Inbox(places))

    def close(self, source: str) -> None:
        """Pictures are pushed to it no more; those that wait are forgotten."""
        with self._lock:
            self._inboxes.pop(source, None)
