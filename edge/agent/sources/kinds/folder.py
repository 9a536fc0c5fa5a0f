"""A watched folder: pictures that are in it, and those that come."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from edge.agent.settings.quantities import Milliseconds
from edge.agent.sources.frame import Shot
from edge.agent.sources.opening import Opening, Version
from edge.agent.sources.source import SourceSettings
from edge.pictures.files import read_picture
from edge.pictures.resampling import Picture
from edge.requests.search import SUFFIXES
from protos.errors import RequestError


class FolderSource(SourceSettings, frozen=True, tag="folder", kw_only=True):
    """`kind = "folder"`. A file is read when it has not changed from one look to the next, and again when it
    is written anew. `existing`: those that lie there at the start are asked about, too.
    """

    path: Path
    look: Milliseconds = Milliseconds(500)  # how often for new files
    existing: bool = True

    @property
    def live(self) -> bool:
        return False

    def missing(self) -> str:
        return "" if self.path.is_dir() else f"{self.path} is no folder; make it, or name another"

    @contextmanager
    def open(self, opening: Opening) -> Iterator["_WatchedFolder"]:
        """Raises RequestError where there is no such folder."""
        if missing := self.missing():
            raise RequestError(missing)
        yield _WatchedFolder(self, opening)


class _WatchedFolder:
    def __init__(self, settings: FolderSource, opening: Opening) -> None:
        self._settings, self._opening = settings, opening
        self._before = self._versions()
        if not settings.existing and not opening.given:
            opening.given.update(self._before)

    def shots(self) -> Iterator[Shot]:
        given, before = self._opening.given, self._before
        while not self._opening.closing.wait(self._settings.look.seconds):
            now = self._versions()
            for name in given.keys() - now.keys():
                del given[name]
            settled = [name for name in now if now[name] == before.get(name) != given.get(name)]
            for name in sorted(settled, key=lambda name: (now[name], name)):
                if (self._settings.path / name).exists():
                    yield partial(self._give, name, now[name])
            before = now

    def _give(self, name: str, version: Version) -> Picture:
        """What nobody wanted before the source was closed is not given yet."""
        self._opening.given[name] = version
        return read_picture(self._settings.path / name)

    def _versions(self) -> dict[str, Version]:
        """The pictures that are there. Raises RequestError where the folder is gone."""
        found = dict[str, Version]()
        try:
            for file in self._settings.path.iterdir():
                if file.suffix.lower() in SUFFIXES and (version := _version(file)):
                    found[file.name] = version
        except OSError as error:
            raise RequestError(
                f"{self._settings.path} cannot be read ({error.strerror}); make it, or mount it again"
            ) from error
        return found


def _version(file: Path) -> Version | None:
    try:
        status = file.stat()
    except OSError:  # it was deleted since
        return None
    return status.st_mtime_ns, status.st_size
