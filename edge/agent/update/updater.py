"""Looks whether another bundle is wanted, fetches it, and has it tried."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.to_thread

from edge.agent.settings.update import UpdateSettings
from edge.agent.status.update_status import UpdateStatus
from edge.agent.update.download import BundleDownload
from edge.agent.update.store import BundleStore
from protos.connection.backoff import Backoff
from protos.errors import CloudError, IsthmusError

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 3600.0
_ASK_CLOUD_SECONDS = 60.0
_log = logging.getLogger(__name__)

WantedNow = Callable[[], Awaitable[str]]


class Updater:
    """While one bundle is open. Each failure is said once, and tried again with longer waits."""

    def __init__(
        self,
        update: UpdateSettings,
        store: BundleStore,
        status: UpdateStatus,
        opened: str,
        *,
        served: WantedNow,
        try_out: Callable[[Path], Awaitable[None]],
    ) -> None:
        """`opened`: the digest of the open bundle. `served`: that of one which the clouds serve, or nothing.
        `try_out` puts a bundle in the open one's place, or raises IsthmusError.
        """
        self._update, self._store, self._status, self._opened = update, store, status, opened
        self._served, self._try_out = served, try_out
        self._download = BundleDownload(update, store.archive)
        self._backoff, self._said = Backoff(_FIRST_SECONDS, _LONGEST_SECONDS), ""

    async def run(self) -> None:
        """Until cancelled."""
        if (died := self._store.state.trial) and self._update.digest in (None, died):
            _log.error("the agent ended while it tried bundle %s: it is tried again in an hour", died[:12])
            self._status.gives_up(died, "the agent ended while it tried it")
            await anyio.sleep(_LONGEST_SECONDS)
        while True:
            begun = self._download.size
            try:
                await self._look()
            except IsthmusError as error:
                self._failed(error, went_on=self._download.size > begun)
                await anyio.sleep(self._backoff.seconds())
            else:
                self._backoff.reset()
                self._said = ""
                await anyio.sleep(self._seconds())

    async def _look(self) -> None:
        """Whether a bundle is wanted that is not open; it is fetched, where it is not here, and tried."""
        self._status.entered("looking")
        wanted = self._update.digest or (await self._served() if self._update.by_digest else "")
        if wanted == self._opened or (self._update.by_digest and not wanted):
            self._status.entered("idle")
            return
        place = self._store.bundle(wanted)
        if place is None:
            self._status.entered("fetching", wanted)
            place = await self._fetched(wanted)
        if place:
            self._status.entered("trying", place.name)
            await self._try_out(place)
        self._status.entered("idle")

    async def _fetched(self, wanted: str) -> Path | None:
        """The bundle that the url gives; None where that is the open one."""
        known, etag = self._store.known(self._opened)
        downloaded = await self._download.fetch(self._update.url_of(wanted), "" if wanted else etag)
        if downloaded:
            known = await anyio.to_thread.run_sync(self._store.unpack, wanted)
            self._store.fetched(downloaded.etag, known)
            _log.info("bundle %s is fetched", known[:12])
        if known != self._opened:
            return self._store.bundle(known)
        self._store.remove_but({self._store.state.confirmed})
        return None

    def _seconds(self) -> float:
        """Until the next look."""
        if self._update.every:
            return self._update.every.seconds
        return float("inf") if self._update.digest else _ASK_CLOUD_SECONDS

    def _failed(self, error: IsthmusError, *, went_on: bool) -> None:
        if not isinstance(error, CloudError):
            self._status.gives_up(self._status.wanted, str(error))
        self._status.failed(str(error))
        if went_on:
            self._backoff.reset()
        if self._said != type(error).__name__:
            _log.error("bundle %s stays open: %s", self._opened[:12], error)
        self._said = type(error).__name__
