"""A watched folder: pictures that are in it, and those that come."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.agent.settings.quantities import Milliseconds
from edge.agent.sources.source import SourceSettings
from edge.pictures.files import read_picture
from edge.pictures.resampling import Picture
from edge.requests.search import SUFFIXES
from protos.errors import PictureError, RequestError


class FolderSource(SourceSettings, frozen=True, tag="folder", kw_only=True):
    """`kind = "folder"`."""

    path: Path
    look: Milliseconds = Milliseconds(500)  # how often for new files

    @property
    def live(self) -> bool:
        return False

    @contextmanager
    def open(self) -> Iterator["_WatchedFolder"]:
        """Raises RequestError where there is no such folder."""
        if not self.path.is_dir():
            raise RequestError(f"source {self.name!r}: {self.path} is no folder; make it, or name another")
        yield _WatchedFolder(self.path, self.look.seconds)


class _WatchedFolder:
    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._known = set[tuple[str, int]]()

    def pictures(self) -> Iterator[Picture]:
        while True:
            for file in sorted(self._path.iterdir()):
                if file.suffix.lower() not in SUFFIXES:
                    continue
                version = file.name, file.stat().st_mtime_ns
                if version not in self._known:
                    self._known.add(version)
                    yield from _read(file)
            time.sleep(self._seconds)


def _read(file: Path) -> Iterator[Picture]:
    try:
        yield read_picture(file)
    except PictureError:
        return
