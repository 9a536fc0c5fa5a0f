"""The agent as a process: settings read and read again, signals obeyed, its supervisor told."""

import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from edge import config
from edge.agent.assembly.agent import run_agent
from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import Models, key_of
from edge.agent.assembly.trying import OpenedModels
from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.budgets.day import DayBudgets
from edge.agent.config.reading import read_settings
from edge.agent.config.settings import AgentSettings
from edge.agent.life.bundles import Bundles
from edge.agent.life.causes import cause
from edge.agent.observing.standing_answer import Observer
from edge.agent.status.agent_status import AgentStatus
from protos.config import watchdog_seconds
from protos.errors import IsthmusError, RequestError
from protos.notify import Notifier
from protos.terminal.options import open_bundle

if TYPE_CHECKING:
    from edge.agent.fleet.control import FleetPart

_GRACE_SECONDS = 10.0  # for an end in order
_STUCK_SECONDS = 120.0  # a question that is not answered for so long will never be
_STATUS_SECONDS = 10.0
_KILLED = 128  # and the number of the signal

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ReadAgain:
    """Settings that are to be taken, and models where they need others than are open. `taken` is set then."""

    base: AgentSettings  # of the file
    bundles: Bundles
    opened: OpenedModels | None
    taken: anyio.Event = field(default_factory=anyio.Event)


class Life:
    """SIGTERM and SIGINT end it in order, a second one at once; SIGHUP reads the settings again."""

    def __init__(self, path: Path, observers: Sequence[Observer], notifier: Notifier | None = None) -> None:
        """`path`: of `agent.toml`."""
        self._path, self._observers, self._kept = path, observers, KeptParts()
        self._notifier = notifier or Notifier()
        self._turn: anyio.CancelScope | None = None  # while the agent runs with one configuration
        self._leave = anyio.Event()  # that it is to end, once what is under way is answered
        self._stopping, self._wanted = False, anyio.Event()
        self._read: _ReadAgain | None = None
        self._bundles: Bundles | None = None
        self._opened: OpenedModels | None = None
        self._base, self._reloading = AgentSettings(), anyio.Lock()
        self._fleet: FleetPart | None = None

    async def run(self) -> None:
        """Until every source has ended, or a signal. Raises RequestError for settings that are none at the
        start, BundleError.
        """
        self._base = read_settings(self._path)
        self._kept.budgets.load(config.day_file())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._obey, name="signals")
            tasks.start_soon(self._ping, name="watchdog")
            tasks.start_soon(self._describe, name="status")
            await tasks.start(self._kept.front.run, name="http")
            try:
                await self._begin()
                tasks.start_soon(self._reload_as_wanted, name="reload")
                if self._fleet:
                    tasks.start_soon(self._fleet.run, self, name="fleet")
                await self._turns()
            finally:
                self._kept.budgets.save(config.day_file())
                self._close()
            tasks.cancel_scope.cancel()

    @property
    def status(self) -> AgentStatus:
        return self._kept.status

    @property
    def base(self) -> AgentSettings:
        """The settings of the file."""
        return self._base

    @property
    def budgets(self) -> DayBudgets:
        return self._kept.budgets

    @property
    def models(self) -> Models:
        """The open ones."""
        assert self._opened
        return self._opened.models

    async def reload(self) -> None:
        """Take the settings again; returns once they are in force. Raises IsthmusError where the old ones
        stay.
        """
        async with self._reloading:
            read = self._read = await self._prepared()
            self._leave.set()
            await read.taken.wait()

    def end(self) -> None:
        """End in order; the supervisor, if there is one, starts another."""
        if self._stopping:
            return
        self._stopping = True
        self._notifier.stopping()
        _end_within(_GRACE_SECONDS)
        self._kept.front.close()
        if self._turn:
            self._turn.cancel()

    async def _begin(self) -> None:
        # unpacks one that is packed
        own = (await anyio.to_thread.run_sync(open_bundle, self._base.bundle)).digest
        self._fleet = _fleet_part(self._base, own, self._kept.status)
        self._bundles = self._bundles_of(self._base, own)
        self._opened = await self._bundles.open()

    def _bundles_of(self, base: AgentSettings, own: str) -> Bundles:
        """For the settings of a file, whose bundle's digest is `own`."""
        if not self._fleet:
            return Bundles(base, self._kept.status)
        settings = self._fleet.wanted(base, own)
        return Bundles(settings, self._kept.status, partial(self._fleet.check, base))

    async def _turns(self) -> None:
        """One configuration, or one bundle, after another."""
        while not self._stopping:
            if self._read:
                await self._take(self._read)
            assert self._bundles
            assert self._opened
            settings = self._base
            if self._fleet:
                settings = self._fleet.in_force(self._base, self.models.orchestrator.bundle)
            self._leave = anyio.Event()
            with anyio.CancelScope() as self._turn:
                await self._serve(settings, self._bundles, self._opened.models)
            if taken := self._bundles.taken():
                self._replace(taken)
            elif not self._read:
                return

    async def _serve(self, settings: AgentSettings, bundles: Bundles, models: Models) -> None:
        """Until the agent ends. One that ends by an error of a bundle on trial goes on with the last."""
        leave = self._leave
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bundles.run, models, leave.set, name="update")
                fleet = self._fleet.observers if self._fleet else ()
                observers = [*self._observers, bundles.observe, *fleet]
                ready = partial(self._is_ready, settings)
                await run_agent(
                    settings, models, self._kept, observers, leave, of_applications=fleet, ready=ready
                )
                tasks.cancel_scope.cancel()
        except Exception as error:
            if not bundles.on_trial:
                raise
            _log.error("bundle %s is given up: %s", models.key.bundle[:12], cause(error))
            await bundles.roll_back(str(cause(error)))

    def _is_ready(self, settings: AgentSettings) -> None:
        _log.info("watches %d sources", sum(source.enabled for source in settings.source))
        self._notifier.ready(self._words())

    async def _reload_as_wanted(self) -> None:
        """Read the settings again as often as that is wanted, beside those in force."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                await self.reload()
            except IsthmusError as error:
                _log.error("the old settings stay: %s", error)
                self._notifier.ready(self._words())

    async def _prepared(self) -> _ReadAgain:
        """The new settings, and models where others are needed. Raises IsthmusError."""
        assert self._opened
        new = read_settings(self._path)
        _check_same_fleet(self._base, new)
        if new.http:
            self._kept.front.check(new.http)
        own = (await anyio.to_thread.run_sync(open_bundle, new.bundle)).digest
        bundles = self._bundles_of(new, own)
        needed = key_of(bundles.in_force()) != self._opened.models.key
        return _ReadAgain(new, bundles, await bundles.open() if needed else None)

    async def _take(self, read: _ReadAgain) -> None:
        """What was read again is in force. Raises as `Bundles.open`."""
        assert self._bundles
        assert self._opened
        self._read, opened = None, read.opened
        self._bundles.close()
        self._bundles = read.bundles
        if opened is None and key_of(read.bundles.in_force()) != self._opened.models.key:
            opened = await read.bundles.open()  # another bundle was taken since it was read
        if opened:
            self._replace(opened)
        self._base = read.base
        self._kept.status.reloaded([source.name for source in read.base.source])
        read.taken.set()
        _log.info("%s is read again", self._path)

    def _replace(self, taken: OpenedModels) -> None:
        """Others answer from now on; those that did are closed."""
        if self._opened:
            self._opened.close()
        self._opened = taken

    def _close(self) -> None:
        if self._bundles:
            self._bundles.close()
        unused = self._read.opened if self._read else None
        for models in (self._opened, unused):
            if models:
                models.close()
        if self._fleet:
            self._fleet.close(in_order=self._stopping)

    async def _obey(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for number in signals:
                if number == signal.SIGHUP:
                    if not self._stopping:
                        self._notifier.reloading(time.monotonic_ns())
                        self._wanted.set()
                elif self._stopping:
                    os._exit(_KILLED + number)
                else:
                    _log.info("%s: ends", signal.Signals(number).name)
                    self.end()

    async def _ping(self) -> None:
        """A sign of life, unless a question is stuck: that this task runs shows that the loop does."""
        seconds = watchdog_seconds()
        while seconds:
            if self._kept.status.waiting_seconds() < _STUCK_SECONDS:
                self._notifier.alive()
            await anyio.sleep(seconds / 3)

    async def _describe(self) -> None:
        while True:
            await anyio.sleep(_STATUS_SECONDS)
            if not self._stopping:
                self._notifier.says(self._words())

    def _words(self) -> str:
        """For `systemctl status`."""
        counts = self._kept.status.snapshot().sources.values()
        lost, asked = sum(one.state == "lost" for one in counts), sum(one.asked for one in counts)
        return f"{len(counts)} sources, {lost} lost; {asked} questions asked"


def _fleet_part(base: AgentSettings, own: str, status: AgentStatus) -> "FleetPart | None":
    """None where no fleet is named; then what speaks with one is not loaded either."""
    if not isinstance(base.fleet, FleetAccess):
        return None
    from edge.agent.fleet.control import FleetPart

    return FleetPart(base, base.fleet, own, status)


def _check_same_fleet(now: AgentSettings, new: AgentSettings) -> None:
    """Raises RequestError where another fleet is named, or the same one otherwise."""
    if now.fleet == new.fleet and now.device == new.device:
        return
    if isinstance(now.fleet, FleetAccess) or isinstance(new.fleet, FleetAccess):
        raise RequestError("the device's name and [fleet] are read at a start only: restart the agent")


def _end_within(seconds: float) -> None:
    """End the process after so long, whatever it waits for."""
    last = Timer(seconds, os._exit, (1,))
    last.daemon = True
    last.start()
