"""An event: what is told to sinks, and kept in the log."""

from datetime import datetime, timezone
from typing import Literal, NamedTuple

import msgspec

Phase = Literal["begin", "end", "changed"]


class Owner(NamedTuple):
    """Whose events: a device of a fleet."""

    fleet: str
    device: str


class Event(msgspec.Struct, frozen=True):
    """The beginning of an event, its end, or a change, which has no end. Begin and end have one `id`."""

    id: str
    phase: Phase
    at: datetime  # of the frame, by the device's clock, in UTC
    fleet: str
    device: str
    source: str
    question: str
    event: str
    text: str  # the answer that made it so
    frame: int
    route: str
    probability: float | None = None  # of a dual encoder's label
    began: datetime | None = None  # of an end: when it began

    @property
    def key(self) -> str:
        """The same each time that it is delivered, and no other's."""
        return f"{self.id}-{self.phase}"

    def json(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def parse(data: bytes) -> "Event":
        """Raises msgspec.DecodeError."""
        return msgspec.json.decode(data, type=Event)


class Watched(msgspec.Struct, frozen=True):
    """An event that may come. `lasting`: it has an end."""

    source: str
    question: str
    event: str
    lasting: bool
    sinks: tuple[str, ...]


def utc(seconds: float) -> datetime:
    """An instant, from seconds since 1970."""
    return datetime.fromtimestamp(seconds, timezone.utc)
