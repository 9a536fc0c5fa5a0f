"""Many simulated devices in one event loop: connected, disturbed, connected again."""

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from cloud.fleet.simulation.answering import SimulatedAnswers
from cloud.fleet.simulation.bundles import SimulatedBundle
from cloud.fleet.simulation.classes import class_of
from cloud.fleet.simulation.connection import KEEPALIVE_SECONDS, Broker, Connection, Events
from cloud.fleet.simulation.device import Outgoing, Seams, SimulatedDevice
from cloud.fleet.simulation.harms import Harm
from cloud.fleet.simulation.links import link_of, read_traces
from protos.connection.backoff import Backoff
from protos.connection.broker import BrokerAccess
from protos.fleet.topics import DeviceTopics, check_topic_name
from protos.traces import Trace

_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 30.0  # of waits for a broker, as edge/agent/fleet/link.py has them
_STEADY_SECONDS = 30.0
_JITTER = 0.1  # of a window
_SILENT_SECONDS = 2.0  # after which a device that tells no windows looks whether it is to
_REBOOT_SECONDS = 2.0, 10.0
_CONNECTING = 8  # threads
_TOGETHER = 100
_SWEEPS = 4  # of all connections in the time that one is kept alive for
_GOODBYE_SECONDS = 5.0


@dataclass(frozen=True)
class SimulationConfig:
    """The devices `PREFIX-00000` and on, of a fleet. Times are in seconds. `restart_every`: the mean time
    until a device's power fails, 0: never. Raises RequestError for names that are none.
    """

    broker: BrokerAccess
    fleet: str = "default"
    devices: int = 3
    first: int = 0  # number of these
    prefix: str = "simulated"
    seed: int = 0
    telemetry: int = 30
    rate: float = 0.5  # answers a second
    failures: float = 0.003  # part of the answers
    restart_every: float = 12 * 3600.0
    traces: Path | None = None
    bundle: Path | None = None
    harms: tuple[Harm, ...] = ()

    def __post_init__(self) -> None:
        check_topic_name("fleet", self.fleet)
        check_topic_name("device", self.name(self.first + self.devices))
        self.broker.check()

    def name(self, number: int) -> str:
        return f"{self.prefix}-{number:05}"


@dataclass
class Counts:
    """What became of the devices so far."""

    devices: int = 0
    connected: int = 0  # now
    connects: int = 0
    windows: int = 0  # that the broker has acknowledged
    waiting: int = 0  # that it has not
    told: int = 0  # messages of other kinds
    lost: dict[str, int] = field(default_factory=dict)  # connections, by why

    def add(self, other: "Counts") -> None:
        """Those of another process."""
        for name, value in asdict(other).items():
            if isinstance(value, int):
                setattr(self, name, getattr(self, name) + value)
        for words, count in other.lost.items():
            self.lost[words] = self.lost.get(words, 0) + count


class SimulatedFleet:
    """Belongs to the event loop."""

    def __init__(self, config: SimulationConfig) -> None:
        """Raises RequestError, BundleError for files that are none."""
        self.config, self.counts = config, Counts(devices=config.devices)
        self.broker = Broker.of(config.broker)
        self.threads = ThreadPoolExecutor(_CONNECTING, "connect")
        bundle, traces = SimulatedBundle.at(config.bundle), read_traces(config.traces)
        self.ending, self.empty = False, asyncio.Event()
        self.begun = asyncio.Semaphore(_TOGETHER)  # devices that are not there yet
        self.devices = [
            _DeviceLink(self, number, bundle, traces)
            for number in range(config.first, config.first + config.devices)
        ]

    async def run(self, tell: Callable[[Counts], None] = lambda _: None) -> None:
        """Until cancelled; then all say that they are gone. `tell` hears how it goes every half a second."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._connect(), name="connecting")
                tasks.create_task(self._sweep(tell), name="keeping alive")
        finally:
            await self._end()
            tell(self.counts)

    async def _connect(self) -> None:
        """Few at a time, so that the loop keeps up with what comes."""
        for device in self.devices:
            await self.begun.acquire()
            device.connect()

    async def _sweep(self, tell: Callable[[Counts], None]) -> None:
        """Keep connections alive, a part of them at a time."""
        part = 0
        parts = 2 * KEEPALIVE_SECONDS // _SWEEPS
        while True:
            for device in self.devices[part::parts]:
                device.keep_alive()
            part = (part + 1) % parts
            self.counts.waiting = sum(len(device.device.windows) for device in self.devices)
            tell(self.counts)
            await asyncio.sleep(0.5)

    async def _end(self) -> None:
        self.ending = True
        for device in self.devices:
            device.leave()
        if self.counts.connected:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.empty.wait(), _GOODBYE_SECONDS)
        self.threads.shutdown(wait=False, cancel_futures=True)


class _DeviceLink:
    """A device and its way to the broker, over whatever comes."""

    def __init__(
        self,
        fleet: SimulatedFleet,
        number: int,
        bundle: SimulatedBundle,
        traces: list[Trace],
    ) -> None:
        config, loop = fleet.config, asyncio.get_running_loop()
        self._fleet, self._loop, self._name = fleet, loop, config.name(number)
        rng, kind = np.random.default_rng([config.seed, number]), class_of(number)
        answering = SimulatedAnswers(
            bundle,
            kind,
            link_of(kind.links[int(rng.integers(len(kind.links)))], traces, rng),
            rng,
            rate=config.rate,
            failures=config.failures,
            harms=config.harms,
        )
        seams = Seams(self._tell, loop.call_later, time.time, self._restart)
        self.device = SimulatedDevice(
            DeviceTopics(config.fleet, self._name), kind, bundle, answering, seams, config.telemetry
        )
        self._backoff = Backoff(_FIRST_SECONDS, _LONGEST_SECONDS)
        self._connection: Connection | None = None
        self._begun = False
        self._there, self._since, self._rebooting = False, 0.0, False
        self._sending: tuple[int, bytes] | None = None
        self._window: asyncio.TimerHandle | None = None
        self._windows_every(random.random())
        self._plan_failure()

    def connect(self) -> None:
        if self._fleet.ending:
            return
        topics = self.device.topics
        will = Outgoing(topics.state, self.device.begin_session(), retain=True)
        events = Events(self._connected, self._lost, self.device.heard, self._acknowledged)
        self._connection = Connection(
            self._fleet.broker,
            f"isthmus/{topics.fleet}/{topics.device}",
            will,
            [topics.desired, topics.jobs],
            events,
        )
        self._connection.open(self._fleet.threads)

    def keep_alive(self) -> None:
        if self._connection and self._there:
            self._connection.keep_alive()

    def leave(self) -> None:
        """In order."""
        if self._connection and self._there:
            self._connection.publish(Outgoing(self.device.topics.state, self.device.gone(), retain=True))
            self._connection.close()

    def _connected(self) -> None:
        counts = self._fleet.counts
        counts.connected, counts.connects = counts.connected + 1, counts.connects + 1
        self._there, self._since = True, self._loop.time()
        self._has_begun()
        self.device.born()
        self._send_window()

    def _lost(self, words: str) -> None:
        counts = self._fleet.counts
        counts.connected -= self._there
        if self._there and self._loop.time() - self._since > _STEADY_SECONDS:
            self._backoff.reset()
        self._there, self._sending, self._connection = False, None, None
        self._has_begun()
        if self._fleet.ending and not counts.connected:
            self._fleet.empty.set()
        if not self._fleet.ending:
            counts.lost[words] = counts.lost.get(words, 0) + 1
            wait = random.uniform(*_REBOOT_SECONDS) if self._rebooting else self._backoff.seconds()
            self._rebooting = False
            self._loop.call_later(wait, self.connect)

    def _has_begun(self) -> None:
        """Its first try is over."""
        if not self._begun:
            self._begun = True
            self._fleet.begun.release()

    def _plan_failure(self) -> None:
        if every := self._fleet.config.restart_every:
            self._loop.call_later(random.expovariate(1 / every), self._fail)

    def _fail(self) -> None:
        """Its power fails."""
        self._restart()
        self._plan_failure()

    def _restart(self) -> None:
        if self._connection and self._there:
            self._rebooting = True
            self._connection.cut()

    def _tell(self, message: Outgoing) -> None:
        """What is told while it is not connected, its birth tells again."""
        if self._connection and self._there:
            self._fleet.counts.told += 1
            self._connection.publish(message)

    def _windows_every(self, part: float) -> None:
        seconds, next_ = self.device.telemetry_seconds, self._end_window
        if not seconds:
            part, seconds, next_ = 1.0, _SILENT_SECONDS, self._end_silence
        self._window = self._loop.call_later(part * seconds, next_)

    def _end_silence(self) -> None:
        """It may be wished to tell again: from any part of a window on, so that not all tell at once."""
        if not self._fleet.ending:
            self._windows_every(random.random())

    def _end_window(self) -> None:
        if self._fleet.ending:
            return
        if self.device.telemetry_seconds:
            self.device.end_window()
            self._send_window()
        self._windows_every(random.uniform(1 - _JITTER, 1 + _JITTER))

    def _send_window(self) -> None:
        """One after another, so that none is lost where the connection is."""
        if self._connection and self._there and self._sending is None and self.device.windows:
            window = self.device.windows[0]
            number = self._connection.publish(Outgoing(self.device.topics.telemetry, window))
            self._sending = number, window

    def _acknowledged(self, number: int) -> None:
        if self._sending is None or self._sending[0] != number:
            return
        if self.device.windows and self.device.windows[0] is self._sending[1]:
            self.device.windows.popleft()
        self._fleet.counts.windows += 1
        self._sending = None
        self._send_window()
