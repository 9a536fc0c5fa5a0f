"""What every sink has, and what it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio

from edge.agent.events.backlog import Backlog
from edge.agent.events.current import Current
from edge.agent.events.event import Event, Owner, Watched
from edge.agent.events.log.event_log import Waiting
from edge.agent.settings.names import Name
from edge.agent.settings.quantities import Section
from protos.connection.backoff import Backoff

_FIRST_SECONDS, _MAX_SECONDS = 0.5, 60.0  # between tries


class SinkSettings(Section, frozen=True, tag_field="kind"):
    """`[[sink]]`. An event whose rule names no sinks goes to all."""

    name: Name

    def check(self) -> None:
        """What no field can know by itself. Raises RequestError."""


@dataclass(frozen=True)
class SinkFeed:
    """What a sink is given: its events, one after another, and what is so now."""

    sink: str
    owner: Owner
    backlog: Backlog
    current: Current
    watched: Sequence[Watched]  # events that this sink may get
    questions: Sequence[tuple[str, str]]  # source and name of every standing question

    async def next(self) -> Waiting:
        """The oldest event that was not taken, once there is one: the same until `taken`."""
        return await self.backlog.next(self.sink)

    async def taken(self, waiting: Waiting) -> None:
        """The other side has it, and has said so."""
        await self.backlog.taken(self.sink, waiting.row)


class Sink(Protocol):
    """A kind of sink: its settings, and its task."""

    @property
    def name(self) -> str: ...

    def check(self) -> None:
        """Raises RequestError for settings that do not go together."""

    async def run(self, feed: SinkFeed) -> None:
        """Hand on the feed's events in their order, until cancelled; another side that is away is waited
        for.
        """


def backoff_of_sink() -> Backoff:
    """For who hands events on to another side that is away."""
    return Backoff(_FIRST_SECONDS, _MAX_SECONDS)


async def wait_longer(backoff: Backoff, least: float = 0.0) -> None:
    """`least`: seconds that the other side asked for; they are capped too."""
    await anyio.sleep(max(min(least, _MAX_SECONDS), backoff.seconds()))


def told(event: Event) -> str:
    """An event as a line of the log names it: nothing of what was seen."""
    return f"{event.source}/{event.event} ({event.key})"
