"""Windows of telemetry, one after another, from the running agent."""

import math
import random
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import anyio
import anyio.to_thread

from edge.agent.fleet.accuracy.agreement import Compared
from edge.agent.fleet.window import Counts, Readings, Window, told_window
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.status.agent_status import AgentStatus
from edge.power.battery import discharging_percent
from edge.power.temperature import hottest_celsius
from protos.costs.estimates import LinkEstimate

MAX_WAITING = 20  # windows that wait for the broker; of more the oldest are lost
_JITTER = 0.1  # of a window's length


class ToldAgent(Protocol):
    """The seam: what is told of the agent as it runs."""

    @property
    def status(self) -> AgentStatus: ...

    def links(self) -> Mapping[str, LinkEstimate]:
        """To each cloud."""

    @property
    def telemetry_seconds(self) -> float:
        """Between windows; 0: none is told."""

    @property
    def running(self) -> tuple[str, int]:
        """The digest of the open bundle, and the version of the settings."""


class Telemetry:
    """An observer of answers. Windows wait in `waiting` until they are told."""

    def __init__(self, running: ToldAgent, told: Callable[[], None]) -> None:
        """`told` is called when a window waits."""
        self._running, self._told = running, told
        self.waiting = deque[bytes](maxlen=MAX_WAITING)
        self._window = Window(time.time(), self._counts())
        self._session, self._sequence, self._retimed = 0, 0, anyio.Event()

    async def observe(self, seen: StandingAnswer) -> None:
        """An answer, to whomever."""
        self._window.add(seen)

    def compared(self, found: Compared) -> None:
        """An answer was held against the whole model's."""
        self._window.compare(found.seen, agreed=found.agreed, bytes_up=found.answer.bytes_up)

    def begin(self, session: int) -> None:
        """Windows that end from now on are of this session; those that wait keep theirs."""
        self._session = session

    def retime(self) -> None:
        """Windows may have another length from now on."""
        self._retimed.set()

    async def run(self) -> None:
        """Until cancelled. The first window is shorter by chance, so that devices that begin together do not
        tell together.
        """
        part = random.random()
        while True:
            self._retimed = anyio.Event()
            seconds = self._running.telemetry_seconds
            with anyio.move_on_after(part * seconds if seconds else math.inf) as waiting:
                await self._retimed.wait()
            if waiting.cancelled_caught:
                await self.end_window()
                part = random.uniform(1 - _JITTER, 1 + _JITTER)
            elif not seconds:
                self._window = Window(time.time(), self._counts())

    async def end_window(self) -> None:
        """Put it with those that wait, and begin another."""
        ended, counts, now = self._window, self._counts(), time.time()
        self._window = Window(now, counts)
        readings = await anyio.to_thread.run_sync(self._readings)
        message = ended.message(now, counts, readings, self._running.links())
        self._sequence += 1
        message.session, message.sequence = self._session, self._sequence
        message.bundle, message.settings_version = self._running.running
        self.waiting.append(told_window(message))
        self._told()

    def _counts(self) -> Counts:
        status = self._running.status
        sources = status.snapshot().sources.values()
        return Counts(
            gated=sum(one.gated for one in sources),
            dropped=sum(one.dropped for one in sources),
            failed=dict(status.traffic.failed),
            busy_seconds=time.process_time(),
        )

    def _readings(self) -> Readings:
        entries, size = self._running.status.backlog()
        return Readings(
            temperature=hottest_celsius(),
            battery=discharging_percent(),
            memory_bytes=_resident_bytes(),
            waiting=self._running.status.traffic.waiting,
            outbox_entries=entries,
            outbox_bytes=size,
        )


def _resident_bytes() -> int:
    """Now; where the kernel does not tell, the most that it ever was."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
