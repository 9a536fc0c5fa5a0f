"""The outbox of an agent: the file, who fills it, and who empties it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from edge import config
from edge.agent.config.settings import AgentSettings
from edge.agent.observing.standing_answer import Observer
from edge.agent.outbox.keeping import Building, Keeper
from edge.agent.outbox.limits import Limits
from edge.agent.outbox.outbox import Outbox
from edge.agent.outbox.sending import OutboxSender
from edge.link.byte_count import ByteCount
from edge.link.failover import FailoverClient
from edge.requests.machine import Machine


@dataclass(frozen=True)
class OutboxParts:
    """`outbox` tells how far a question is, `keeper` takes one, `sender` has the task."""

    outbox: Outbox
    keeper: Keeper
    sender: OutboxSender


@contextmanager
def opened_outbox(
    settings: AgentSettings, client: FailoverClient | None, building: Building, observers: Sequence[Observer]
) -> Iterator[OutboxParts | None]:
    """None where the agent has none, or no cloud. Raises OutboxError for a path that cannot be used."""
    if not settings.outbox or not client:
        yield None
        return
    limits = Limits(settings.outbox.size, settings.outbox.writes_per_day)
    machine = Machine(count=ByteCount(config.bytes_file(), time.time))
    with closing(Outbox(settings.outbox.path, limits, settings.outbox.age.seconds)) as outbox:
        sender = OutboxSender(outbox, client, machine, observers)
        yield OutboxParts(outbox, Keeper(outbox, building, sender.kept), sender)
