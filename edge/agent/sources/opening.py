"""What a source is given when it is opened, and what outlives that."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Condition, Event, Lock

from edge.pictures.resampling import Picture
from protos.errors import UnknownName

_LOOK_SECONDS = 0.2

Version = tuple[int, int]  # of a file: when it was changed (ns), its bytes


class Inbox:
    """Pictures that were pushed to a source and wait to be asked about. From any thread."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._pictures, self._changed = deque[Picture](), Condition()

    def push(self, picture: Picture) -> bool:
        """False where it is full."""
        with self._changed:
            if len(self._pictures) >= self.places:
                return False
            self._pictures.append(picture)
            self._changed.notify_all()
        return True

    def waits(self, closing: Event) -> bool:
        """True as soon as there is one; False once `closing` is set."""
        with self._changed:
            while not closing.is_set():
                if self._pictures:
                    return True
                self._changed.wait(_LOOK_SECONDS)
        return False

    def take(self) -> Picture:
        """The oldest, of which there is one."""
        with self._changed:
            return self._pictures.popleft()


@dataclass(frozen=True)
class Opening:
    """`closing` is set when the source is to end: what waits, waits for it. `given`: the files that a folder
    gave, by name, whenever it was opened. `numbers`: of its frames.
    """

    inboxes: "Inboxes"
    closing: Event = field(default_factory=Event)
    given: dict[str, Version] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=partial(count, 1))


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
        """The inbox of a source, with what was pushed to it before."""
        with self._lock:
            inbox = self._inboxes.setdefault(source, Inbox(places))
        inbox.places = places
        return inbox

    def keep(self, places: Mapping[str, int]) -> None:
        """These sources, by name, have an inbox with so many places from now on. Pictures are pushed to
        others no more; those that wait there are forgotten.
        """
        with self._lock:
            self._inboxes = {name: box for name, box in self._inboxes.items() if name in places}
        for name, number in places.items():
            self.open(name, number)
