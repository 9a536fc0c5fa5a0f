"""The measurement: connect, change settings, tell windows, restart the broker, kill the leader."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from bench.controller.processes import ControllerProcess, MosquittoProcess
from bench.controller.results import FleetFigures, SettingsChange
from bench.rig.process_memory import resident
from bench.rig.process_time import cpu_seconds
from cloud.fleet.simulation.fleet import Counts, SimulationConfig
from cloud.fleet.simulation.processes import run_processes
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.tables import BUCKETS, DESIRED, DEVICES
from protos.connection.broker import BrokerAccess
from protos.errors import CloudError

_FLEET, _BUCKET = "bench", 60.0
_CUTS = ("vision.4", "vision.8", "connector")
_POLL_SECONDS = 0.05
_DOWN_SECONDS = 2.0  # that the broker is away
_ROLLOUT_SECONDS = 8.0  # that telling all devices takes
_LONG = 300.0  # no step takes longer


@dataclass(frozen=True)
class LoadConfig:
    """`telemetry`: seconds between windows; `quiet`: that windows are counted for."""

    telemetry: float = 30.0
    quiet: float = 60.0
    changes: int = 3
    processes: int = 2
    database: str = ""  # empty: SQLite


async def measure(
    devices: int, config: LoadConfig, folder: Path, tell: Callable[[str], None]
) -> FleetFigures:
    """A fleet of one size, from nothing. Raises IsthmusError where a step takes too long."""
    with ExitStack() as stack:
        broker = stack.enter_context(MosquittoProcess(folder))
        database = config.database or f"sqlite:///{folder / 'fleet.db'}"
        controller = stack.enter_context(ControllerProcess(broker.address, database, _FLEET, _BUCKET))
        load = _Load(devices, config, database, broker, controller, tell)
        stack.callback(load.close)
        simulated = SimulationConfig(
            BrokerAccess(broker.address),
            _FLEET,
            devices,
            telemetry=round(config.telemetry),
            restart_every=0.0,
        )
        running = asyncio.create_task(run_processes(simulated, config.processes, load.heard))
        try:
            await load.run(stack, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return load.figures


class _Load:
    """One run."""

    def __init__(
        self,
        devices: int,
        config: LoadConfig,
        database: str,
        broker: MosquittoProcess,
        controller: ControllerProcess,
        tell: Callable[[str], None],
    ) -> None:
        self.figures = FleetFigures(devices)
        self._devices, self._config, self._url = devices, config, database
        self._broker, self._controller, self._tell = broker, controller, tell
        self._database = Database(database, _FLEET)
        self._counts = Counts()
        self._connects: list[tuple[float, int]] = []

    def close(self) -> None:
        self._database.close()

    def heard(self, counts: Counts) -> None:
        """From the simulated devices."""
        self._counts = counts
        self._connects.append((time.monotonic(), counts.connects))

    async def run(self, stack: ExitStack, running: "asyncio.Task[None]") -> None:
        steps = (self._connect, self._change, self._count_windows, self._restart_broker)
        for step in steps:
            self._tell(f"{self._devices} devices: {step.__name__.strip('_').replace('_', ' ')}")
            await self._while(running, step())
        self._tell(f"{self._devices} devices: kill the leader")
        standby = stack.enter_context(ControllerProcess(self._broker.address, self._url, _FLEET, _BUCKET))
        await self._while(running, self._kill_leader(standby))

    async def _while(self, running: "asyncio.Task[None]", step: Any) -> None:
        """A step, unless the devices end before. Raises CloudError where it takes too long."""
        task = asyncio.ensure_future(step)
        done, _ = await asyncio.wait({task, running}, timeout=_LONG, return_when=asyncio.FIRST_COMPLETED)
        if task not in done:
            task.cancel()
            if running in done:
                running.result()
            raise CloudError(f"a step took more than {_LONG:g} s, which is not measured; try fewer devices")
        task.result()

    async def _connect(self) -> None:
        begun = time.monotonic()
        await self._until(lambda: self._counts.connected == self._devices)
        self.figures.connected = time.monotonic() - begun
        await self._until(lambda: self._count(DEVICES.c.connection == "online") == self._devices)

    async def _change(self) -> None:
        await self._set({"cuts": {"pinned": _CUTS[-1]}})
        await self._until(lambda: self._count(DEVICES.c.cut == _CUTS[-1]) == self._devices)
        for number in range(self._config.changes):
            cut, pid = _CUTS[number % len(_CUTS)], self._controller.pid
            used, begun = cpu_seconds(pid), time.monotonic()
            await self._set({"cuts": {"pinned": cut}})
            answered = time.monotonic() - begun
            half, most, every = [await self._reached(cut, share) - begun for share in (0.5, 0.99, 1.0)]
            used = cpu_seconds(pid) - used
            self.figures.changes.append(SettingsChange(answered, half, most, every, used))
            self._remember()
            await asyncio.sleep(2)

    async def _reached(self, cut: str, share: float) -> float:
        """When so many devices report a cut."""
        await self._until(lambda: self._count(DEVICES.c.cut == cut) >= share * self._devices)
        return time.monotonic()

    async def _count_windows(self) -> None:
        """All devices tell windows for a while, and none before and after, so that what was sent and what was
        counted can be compared.
        """
        sent, counted = await self._silenced()
        await self._set({"telemetry_seconds": round(self._config.telemetry)})
        await asyncio.sleep(self._config.telemetry + 2.0)  # each has begun
        pid, begun, before = self._controller.pid, time.monotonic(), self._counts.windows
        used = cpu_seconds(pid)
        await asyncio.sleep(self._config.quiet)
        took = time.monotonic() - begun
        self.figures.idle_cpu = (cpu_seconds(pid) - used) / took
        self.figures.windows_a_second = (self._counts.windows - before) / took
        self._remember()
        after = await self._silenced()
        self.figures.windows_sent, self.figures.windows_counted = after[0] - sent, after[1] - counted
        await self._set({"telemetry_seconds": round(self._config.telemetry)})

    async def _silenced(self) -> tuple[int, int]:
        """Windows sent and counted, once no device tells more."""
        await self._set({"telemetry_seconds": 0})
        none = DEVICES.c.reported.contains('"telemetry_seconds":0')
        await self._until(lambda: self._count(none) == self._devices)
        await self._until(lambda: self._counts.waiting == 0)
        await self._until_still(self._windows_counted)
        return self._counts.windows, self._windows_counted()

    async def _restart_broker(self) -> None:
        self._broker.stop()
        await self._until(lambda: self._counts.connected == 0)
        await asyncio.sleep(_DOWN_SECONDS)
        self._broker.start()
        begun = time.monotonic()
        await self._until(lambda: self._counts.connected == self._devices)
        self.figures.back = time.monotonic() - begun
        await self._until(lambda: self._count(DEVICES.c.connection == "online") == self._devices)
        self.figures.known = time.monotonic() - begun
        self.figures.peak_connects = _peak([one for one in self._connects if one[0] >= begun])

    async def _kill_leader(self, standby: ControllerProcess) -> None:
        versions, cut = self._versions(), _CUTS[self._config.changes % len(_CUTS)]  # another than the last
        plan = {
            "phases": [1.0],
            "control": 0.0,
            "health": 4 * _BUCKET,
            "per_minute": max(60.0, 60 * self._devices / _ROLLOUT_SECONDS),
            "silent": 86_400.0,
            "guards": dict.fromkeys(("errors", "p95", "energy", "bytes", "accuracy")),
        }
        await self._post("rollouts", settings={"cuts": {"pinned": cut}}, plan=plan)
        await self._until(lambda: self._count(DEVICES.c.cut == cut) >= 0.3 * self._devices)
        self._controller.kill()
        begun, self._controller = time.monotonic(), standby
        await self._until(lambda: bool(self._health().get("leads")))
        self.figures.next_leads = time.monotonic() - begun
        await self._until(lambda: self._count(DEVICES.c.cut == cut) == self._devices)
        self.figures.rolled_out = time.monotonic() - begun
        self._remember()
        steps = [after - versions[name] for name, after in self._versions().items()]
        self.figures.lost = sum(step < 1 for step in steps)
        self.figures.doubled = sum(step > 1 for step in steps)

    # what is asked

    async def _set(self, settings: dict[str, Any]) -> None:
        await self._post("set", settings=settings)

    async def _post(self, path: str, **body: Any) -> None:
        def post() -> httpx.Response:
            words = {"why": "a measurement", "everything": True, **body}
            return httpx.post(f"{self._controller.address}/api/v1/{path}", json=words, timeout=120)

        answer = await asyncio.to_thread(post)
        if answer.status_code >= 400:
            raise CloudError(f"the controller refused: {answer.text[:300]}")

    def _health(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self._controller.address}/healthz", timeout=30).json()
        return found

    def _count(self, of: sa.ColumnElement[bool]) -> int:
        with self._database.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(DEVICES).where(of)) or 0)

    def _windows_counted(self) -> int:
        with self._database.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.sum(BUCKETS.c.windows))) or 0)

    def _versions(self) -> dict[str, int]:
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(DESIRED.c.device, DESIRED.c.version))
            return {row.device: row.version for row in rows}

    def _remember(self) -> None:
        """What processes hold, at most."""
        figures = self.figures
        figures.controller_memory = max(figures.controller_memory, resident(self._controller.pid))
        figures.broker_memory = max(figures.broker_memory, resident(self._broker.pid))

    async def _until(self, over: Callable[[], bool]) -> None:
        while not await asyncio.to_thread(over):  # noqa: ASYNC110 - other processes make it so
            await asyncio.sleep(_POLL_SECONDS)

    async def _until_still(self, count: Callable[[], int]) -> None:
        before = -1
        while (now := count()) != before:
            before = now
            await asyncio.sleep(2)


def _peak(connects: list[tuple[float, int]]) -> float:
    """The most connects in any second."""
    return max(
        (
            float(later - count)
            for at, count in connects
            for when, later in connects
            if at < when <= at + 1.25
        ),
        default=0.0,
    )
