"""The agent as a process: settings read and read again, signals obeyed, its supervisor told."""

import logging
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Timer

import anyio

from edge import config
from edge.agent.assembly.agent import run_agent
from edge.agent.assembly.kept import KeptParts
from edge.agent.assembly.models import Models, key_of
from edge.agent.assembly.trying import OpenedModels
from edge.agent.config.reading import read_settings
from edge.agent.config.settings import AgentSettings
from edge.agent.life.bundles import Bundles
from edge.agent.life.causes import cause
from edge.agent.life.notify import Notifier
from edge.agent.observing.standing_answer import Observer
from protos.errors import IsthmusError

_GRACE_SECONDS = 10.0  # for an end in order
_STUCK_SECONDS = 120.0  # a question that is not answered for so long will never be
_STATUS_SECONDS = 10.0
_KILLED = 128  # and the number of the signal

_log = logging.getLogger(__name__)


class Life:
    """SIGTERM and SIGINT end it in order, a second one at once; SIGHUP reads the settings again."""

    def __init__(self, path: Path, observers: Sequence[Observer], notifier: Notifier | None = None) -> None:
        """`path`: of `agent.toml`."""
        self._path, self._observers, self._kept = path, observers, KeptParts()
        self._notifier = notifier or Notifier()
        self._turn: anyio.CancelScope | None = None  # while the agent runs with one configuration
        self._stopping, self._reloading = False, False
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
            try:
                await self._turns(settings)
            finally:
                self._kept.budgets.save(config.day_file())
                if self._bundles:
                    self._bundles.close()
                if self._opened:
                    self._opened.close()
            tasks.cancel_scope.cancel()

    async def _turns(self, settings: AgentSettings) -> None:
        """One configuration, or one bundle, after another."""
        self._bundles = bundles = Bundles(settings, self._kept.status)
        self._opened = await bundles.open()
        while not self._stopping:
            _log.info("watches %d sources", sum(source.enabled for source in settings.source))
            self._notifier.ready(self._words())
            with anyio.CancelScope() as self._turn:
                if not self._reloading:
                    await self._serve(settings, bundles, self._opened.models, self._turn)
            reloading, self._reloading = self._reloading, False
            if reloading:
                settings, bundles = await self._reload(settings, bundles, self._opened)
            if taken := bundles.taken():
                self._replace(taken)
            elif not reloading:
                return

    async def _serve(
        self, settings: AgentSettings, bundles: Bundles, models: Models, turn: anyio.CancelScope
    ) -> None:
        """Until the agent ends. One that ends by an error of a bundle on trial goes on with the last."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bundles.run, models, turn.cancel, name="update")
                await run_agent(settings, models, self._kept, [*self._observers, bundles.observe])
                tasks.cancel_scope.cancel()
        except Exception as error:
            if not bundles.on_trial:
                raise
            _log.error("bundle %s is given up: %s", models.key.bundle[:12], cause(error))
            await bundles.roll_back()

    async def _reload(
        self, settings: AgentSettings, bundles: Bundles, opened: OpenedModels
    ) -> tuple[AgentSettings, Bundles]:
        """The new settings, and models where others are needed; the old of both where that fails."""
        try:
            new = read_settings(self._path)
            found = Bundles(new, self._kept.status)
            if key_of(found.in_force()) != opened.models.key:
                self._replace(await found.open())
        except IsthmusError as error:
            _log.error("the old settings stay: %s", error)
            return settings, bundles
        bundles.close()
        self._bundles = found
        self._kept.status.reloaded([source.name for source in new.source])
        _log.info("%s is read again", self._path)
        return new, found

    def _replace(self, taken: OpenedModels) -> None:
        """Others answer from now on; those that did are closed."""
        if self._opened:
            self._opened.close()
        self._opened = taken

    async def _obey(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for number in signals:
                if number == signal.SIGHUP:
                    self._reloading = not self._stopping
                    self._notifier.reloading(time.monotonic_ns())
                elif self._stopping:
                    os._exit(_KILLED + number)
                else:
                    _log.info("%s: ends", signal.Signals(number).name)
                    self._stopping, self._reloading = True, False
                    self._notifier.stopping()
                    _end_within(_GRACE_SECONDS)
                if self._turn:
                    self._turn.cancel()

    async def _ping(self) -> None:
        """A sign of life, unless a question is stuck: that this task runs shows that the loop does."""
        seconds = config.watchdog_seconds()
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
