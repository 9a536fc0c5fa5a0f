"""Which bundle an agent answers with: that of its settings, or one that was fetched since."""

import logging
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec

from edge import config
from edge.agent.assembly.models import Models
from edge.agent.assembly.trying import OpenedModels, open_tried, served_bundle
from edge.agent.config.settings import AgentSettings
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.status.agent_status import AgentStatus
from edge.agent.update.store import BundleStore
from protos.bundle import Bundle
from protos.connection.backoff import Backoff
from protos.errors import BundleError
from protos.terminal.options import open_bundle

_RETRY_SECONDS = (60.0, 6 * 3600.0)
_MAX_REFUSED = 3  # questions, before any is answered
_log = logging.getLogger(__name__)


def _takes_any(_: Bundle) -> None:
    """Whatever it is."""


class Bundles:
    """Of one configuration. A fetched bundle is on trial from its swap to its first answer."""

    def __init__(
        self,
        settings: AgentSettings,
        status: AgentStatus,
        check: Callable[[Bundle], None] = _takes_any,
    ) -> None:
        """`check` raises RequestError for a bundle that does not go with the settings. Raises BundleError
        where the settings' own bundle is none, RequestError without a cache folder.
        """
        self._check = check
        self._settings, self._status = settings, status
        self._trial, self._answered = "", anyio.Event()
        self._next: OpenedModels | None = None
        self._retry, self._rolled_back, self._store = Backoff(*_RETRY_SECONDS), False, None
        if settings.update:
            own = open_bundle(settings.bundle).digest
            self._store = BundleStore(config.fetched_folder(), settings.update, own)

    def in_force(self) -> AgentSettings:
        """The settings, with the bundle to open: the last one that was fetched and has answered, else their
        own.
        """
        return self._with(self._store.confirmed() if self._store else None)

    async def open(self) -> OpenedModels:
        """The models in force; those of the settings' own bundle where a fetched one cannot be opened. Raises
        as `open_models`.
        """
        settings = self.in_force()
        try:
            return await anyio.to_thread.run_sync(OpenedModels, settings)
        except BundleError as error:
            if not self._store or settings.bundle == self._settings.bundle:
                raise
            _log.error("the bundle of the settings is opened: %s", error)
            self._store.confirms("")
        return await anyio.to_thread.run_sync(OpenedModels, self._settings)

    async def run(self, models: Models, swap: Callable[[], None]) -> None:
        """Fetch another bundle when one is wanted. `swap` is called when one is open and has answered a
        question of its own; `taken` then gives it.
        """
        self._status.update.opened(models.key.bundle)
        if not self._store or not self._settings.update:
            self._status.update.entered("off")
            return
        if self._trial:
            await self._confirm(models, swap)
        elif self._rolled_back:
            await anyio.sleep(self._retry.seconds())

        async def served() -> str:
            return await served_bundle(models)

        async def try_out(place: Path) -> None:
            await self._try(place)
            swap()
            await anyio.sleep_forever()

        from edge.agent.update.updater import Updater  # and what fetches over HTTP

        updater = Updater(
            self._settings.update,
            self._store,
            self._status.update,
            models.key.bundle,
            served=served,
            try_out=try_out,
        )
        await updater.run()

    async def observe(self, seen: StandingAnswer) -> None:
        """An answer of the open bundle."""
        if seen.reused is None and not seen.deferred:
            self._answered.set()

    def taken(self) -> OpenedModels | None:
        """What is to take the open models' place now, once."""
        found, self._next = self._next, None
        return found

    @property
    def on_trial(self) -> bool:
        """Whether the open bundle has not answered yet."""
        return bool(self._trial)

    def end_trial(self) -> None:
        """The open bundle was not confirmed: the one before it is in force."""
        if self._trial and self._store:
            self._store.refuses()
        self._end_trial()

    async def roll_back(self, reason: str) -> None:
        """The bundle on trial failed: `taken` gives the one before it. It is tried again, each time later.
        Raises as `open`.
        """
        self._status.update.gives_up(self._trial, reason)
        self.end_trial()
        self._status.update.failed(reason)
        self._rolled_back, self._next = True, await self.open()

    def close(self) -> None:
        """At the end of this configuration."""
        self.end_trial()
        if unused := self.taken():
            unused.close()

    async def _try(self, place: Path) -> None:
        """Open a bundle beside the one that answers. Raises IsthmusError."""
        assert self._store
        self._store.tries(place.name)
        try:
            self._next = await open_tried(self._with(place))
            self._check(self._next.models.orchestrator.bundle)
        except BaseException:
            self._store.refuses()
            if unused := self.taken():
                unused.close()
            raise
        self._trial = place.name
        self._status.update.tries(on=True)
        _log.info("bundle %s takes the place of %s", place.name[:12], self._status.update.bundle[:12])

    async def _confirm(self, models: Models, swap: Callable[[], None]) -> None:
        """Returns once the open bundle has answered; where it does not, the one before it is opened."""
        try:
            await self._on_trial(models)
        except BundleError as error:
            _log.error("bundle %s is given up: %s", self._trial[:12], error)
            await self.roll_back(str(error))
            swap()
            await anyio.sleep_forever()

    async def _on_trial(self, models: Models) -> None:
        """Until the open bundle has answered. Raises BundleError where it does not."""
        assert self._store
        self._answered = anyio.Event()  # the one before it may have answered since the swap was begun
        before, failed, told = self._refused(), self._failed(), self._status.update.answers
        while not (self._answered.is_set() or self._status.update.answers > told) and any(
            source.enabled for source in self._settings.source
        ):
            if self._refused() - before >= _MAX_REFUSED:
                raise BundleError(f"bundle {self._trial[:12]} answers none of {_MAX_REFUSED} questions")
            if self._failed() - failed >= _MAX_REFUSED:
                failed = self._failed()
                if await served_bundle(models) not in {"", self._trial}:
                    raise BundleError(
                        f"the cloud serves another bundle, and {_MAX_REFUSED} questions were not answered "
                        "without it; serve this one there first"
                    )
            with anyio.move_on_after(1):
                await self._answered.wait()
        self._store.confirms(self._trial)
        _log.info("bundle %s answers and is kept", self._trial[:12])
        self._rolled_back = False
        self._end_trial()
        self._retry.reset()
        self._status.update.swaps += 1

    def _end_trial(self) -> None:
        self._trial = ""
        self._status.update.tries(on=False)

    def _refused(self) -> int:
        return sum(counts.refused for counts in self._status.snapshot().sources.values())

    def _failed(self) -> int:
        return sum(counts.failed for counts in self._status.snapshot().sources.values())

    def _with(self, place: Path | None) -> AgentSettings:
        return msgspec.structs.replace(self._settings, bundle=place) if place else self._settings
