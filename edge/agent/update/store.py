"""Bundles that the agent has fetched, on the device's disk, and which of them it opens when it starts."""

import logging
import shutil
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from edge.agent.settings.quantities import without_secrets
from edge.agent.settings.update import UpdateSettings
from protos.archive import ENDINGS, packed_digest
from protos.bundle import Bundle
from protos.errors import BundleError
from protos.files import write_whole
from protos.packed import unpack_anew

_log = logging.getLogger(__name__)
_MAX_STATE = 1 << 16


class StoreState(msgspec.Struct, frozen=True):
    """`confirmed` has answered instead of `own`, the settings' bundle; `trial` not yet; all are digests.
    `etag`: of the archive at `url`, which held the bundle `fetched`.
    """

    own: str = ""
    confirmed: str = ""
    trial: str = ""
    url: str = ""
    etag: str = ""
    fetched: str = ""


class BundleStore:
    """A folder of its own: a folder a bundle, an archive that is being fetched, and the state."""

    def __init__(self, folder: Path, update: UpdateSettings, own: str, name: str = "download") -> None:
        """`own`: the digest of the bundle that the settings name. What was fetched instead of another is not
        opened. `name`: of the archive while it is fetched, where two fetch at once.
        """
        self._folder, self._file, self._update, self._own = folder, folder / "state.json", update, own
        self._name = name

    @property
    def state(self) -> StoreState:
        """As it is on the disk."""
        try:
            with self._file.open("rb") as stream:
                found = msgspec.json.decode(stream.read(_MAX_STATE), type=StoreState)
        except (OSError, msgspec.DecodeError):
            return StoreState(self._own)
        return found if found.own == self._own else StoreState(self._own)

    @property
    def archive(self) -> Path:
        """Where an archive is fetched to."""
        path = urlsplit(self._update.url.text).path
        return self._folder / f"{self._name}{next(ending for ending in ENDINGS if path.endswith(ending))}"

    def confirmed(self) -> Path | None:
        """The bundle that answers instead of the settings' own, if it is here and that one is not wanted."""
        return None if self._update.digest == self._own else self.bundle(self.state.confirmed)

    def bundle(self, digest: str) -> Path | None:
        """A bundle's folder, where it is here."""
        place = self._folder / digest
        try:
            return place if digest and Bundle.open(place).digest == digest else None
        except BundleError:
            return None

    def unpack(self, digest: str) -> str:
        """The archive as a bundle, its digest; `digest`: what it has to be, if that is known. The archive is
        gone then, however that went. Raises BundleError.
        """
        try:
            found = digest or packed_digest(self.archive)
            unpack_anew(self.archive, self._folder / found, digest=found, max_bytes=self._update.max_bytes)
        finally:
            self.archive.unlink(missing_ok=True)
        return found

    def tries(self, digest: str) -> None:
        """It is opened now: where this process dies of it, the next one knows. Raises BundleError where that
        cannot be written.
        """
        self._write(msgspec.structs.replace(self.state, trial=digest))

    def refuses(self) -> None:
        """What was tried is not taken."""
        self._note(msgspec.structs.replace(self.state, trial=""))

    def confirms(self, digest: str) -> None:
        """It has answered: a restart opens it, and others that were fetched are removed."""
        self._note(msgspec.structs.replace(self.state, trial="", confirmed=digest))
        self.remove_but({digest})

    def fetched(self, etag: str, digest: str) -> None:
        """What the url gave."""
        url = without_secrets(self._update.url.text)
        self._note(msgspec.structs.replace(self.state, url=url, etag=etag, fetched=digest))

    def known(self, opened: str) -> tuple[str, str]:
        """The bundle that the url gave last, where it is here or is the one that is open, and its ETag; else
        nothing.
        """
        state = self.state
        here = state.fetched == opened or self.bundle(state.fetched)
        same = state.url == without_secrets(self._update.url.text)
        return (state.fetched, state.etag) if here and same else ("", "")

    def remove_but(self, kept: Collection[str]) -> None:
        """Remove bundles, by digest."""
        for place in self._folder.iterdir() if self._folder.is_dir() else ():
            if place.is_dir() and place.name not in kept:
                shutil.rmtree(place, ignore_errors=True)

    def _note(self, state: StoreState) -> None:
        """What the next process knows; without it, that tries again what this one has done."""
        try:
            self._write(state)
        except BundleError as error:
            _log.warning("%s", error)

    def _write(self, state: StoreState) -> None:
        try:
            write_whole(self._file, msgspec.json.encode(state))
        except OSError as error:
            raise BundleError(f"{self._file} cannot be written ({error.strerror}); free its disk") from error
