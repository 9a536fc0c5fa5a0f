"""What the agent is doing: one object, handed to its parts, read by metrics and by the watchdog."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType

from edge.agent.status.counters import SourceCounters, SourceCounts
from edge.agent.status.traffic import Traffic
from edge.agent.status.update_status import UpdateStatus


@dataclass(frozen=True)
class StatusSnapshot:
    """`started`: seconds since 1970. `sources`: by name, in the order of the configuration."""

    started: float
    reloads: int
    sources: Mapping[str, SourceCounts]


def nothing_waits() -> tuple[int, int]:
    """Where there is no outbox."""
    return 0, 0


class AgentStatus:
    """Outlives a reload: counts go on. From any thread."""

    def __init__(self) -> None:
        self._lock, self._started, self._reloads = Lock(), time.time(), 0
        self._sources, self.update = dict[str, SourceCounters](), UpdateStatus()
        self.traffic = Traffic()
        self.backlog = nothing_waits  # entries and bytes of the outbox, told in a thread

    def source(self, name: str) -> SourceCounters:
        """The counters of a source, which begin at nothing."""
        with self._lock:
            return self._sources.setdefault(name, SourceCounters())

    def reloaded(self, names: list[str]) -> None:
        """The configuration was read again and has these sources; others are counted no more."""
        with self._lock:
            self._reloads += 1
            self._sources = {name: self._sources.get(name, SourceCounters()) for name in names}

    def waiting_seconds(self) -> float:
        """How long the oldest question of any source waits for its answer."""
        return max((one.waiting_seconds() for one in self._all().values()), default=0.0)

    def snapshot(self) -> StatusSnapshot:
        """All of it."""
        counts = {name: one.snapshot() for name, one in self._all().items()}
        return StatusSnapshot(self._started, self._reloads, MappingProxyType(counts))

    def _all(self) -> dict[str, SourceCounters]:
        with self._lock:
            return dict(self._sources)
