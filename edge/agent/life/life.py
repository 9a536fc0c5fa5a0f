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

import anyio
import anyio.to_thread

from edge import config
from edge.agent.assembly.agent import run_agent
from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import Models, key_of
from edge.agent.assembly.trying import OpenedModels
from edge.agent.config.reading import read_settings
from edge.agent.config.settings import AgentSettings
from edge.agent.life.bundles import Bundles
from edge.agent.life.causes import cause
from edge.agent.observing.standing_answer import Observer
from protos.config import watchdog_seconds
from protos.errors import IsthmusError
from protos.notify import Notifier
from protos.terminal.options import open_bundle

_GRACE_SECONDS = 10.0  # for an end in order
_STUCK_SECONDS = 120.0  # a question that is not answered for so long will never be
_STATUS_SECONDS = 10.0
_KILLED = 128  # and the number of the signal

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _ReadAgain:
    """Settings that are to be taken, and models where they need others than are open. `taken` is set then."""

    settings: AgentSettings
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

    async def run(self) -> None:
        """Until every source has ended, or a signal. Raises RequestError for settings that are none at the
        start, BundleError.
        """
        settings = read_settings(self._path)
        self._kept.budgets.load(config.day_file())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._obey, name="signals")
            tasks.start_soon(self._ping, name="watchdog")
            tasks.start_soon(self._describe, name="status")
            await tasks.start(self._kept.front.run, name="http")
            try:
                await self._begin(settings)
                tasks.start_soon(self._reload, name="reload")
                await self._turns(settings)
            finally:
                self._kept.budgets.save(config.day_file())
                self._close()
            tasks.cancel_scope.cancel()

    async def _begin(self, settings: AgentSettings) -> None:
        await anyio.to_thread.run_sync(open_bundle, settings.bundle)  # unpacks one that is packed
        self._bundles = Bundles(settings, self._kept.status)
        self._opened = await self._bundles.open()

    async def _turns(self, settings: AgentSettings) -> None:
        """One configuration, or one bundle, after another."""
        while not self._stopping:
            if self._read:
                settings = await self._take(self._read)
            assert self._bundles
            assert self._opened
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
                observers = [*self._observers, bundles.observe]
                ready = partial(self._is_ready, settings)
                await run_agent(settings, models, self._kept, observers, leave, ready=ready)
                tasks.cancel_scope.cancel()
        except Exception as error:
            if not bundles.on_trial:
                raise
            _log.error("bundle %s is given up: %s", models.key.bundle[:12], cause(error))
            await bundles.roll_back()

    def _is_ready(self, settings: AgentSettings) -> None:
        _log.info("watches %d sources", sum(source.enabled for source in settings.source))
        self._notifier.ready(self._words())

    async def _reload(self) -> None:
        """Read the settings again as often as that is wanted, beside those in force."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                self._read = await self._prepared()
            except IsthmusError as error:
                _log.error("the old settings stay: %s", error)
                self._notifier.ready(self._words())
            else:
                self._leave.set()
                await self._read.taken.wait()

    async def _prepared(self) -> _ReadAgain:
        """The new settings, and models where others are needed. Raises IsthmusError."""
        assert self._opened
        new = read_settings(self._path)
        if new.http:
            self._kept.front.check(new.http)
        await anyio.to_thread.run_sync(open_bundle, new.bundle)
        bundles = Bundles(new, self._kept.status)
        needed = key_of(bundles.in_force()) != self._opened.models.key
        return _ReadAgain(new, bundles, await bundles.open() if needed else None)

    async def _take(self, read: _ReadAgain) -> AgentSettings:
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
        self._kept.status.reloaded([source.name for source in read.settings.source])
        read.taken.set()
        _log.info("%s is read again", self._path)
        return read.settings

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
                    self._stopping = True
                    self._notifier.stopping()
                    _end_within(_GRACE_SECONDS)
                    self._kept.front.close()
                    if self._turn:
                        self._turn.cancel()

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


def _end_within(seconds: float) -> None:
    """End the process after so long, whatever it waits for."""
    last = Timer(seconds, os._exit, (1,))
    last.daemon = True
    last.start()
