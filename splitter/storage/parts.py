"""Finished steps of a split, kept beside the bundle until it is whole: what an interrupted run need not do
again.

Every file is written aside and renamed, so that what stands under its name is complete.
"""

import errno
import fcntl
import glob
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Any

import onnx

from protos.errors import BundleError
from protos.files import json_of, write_whole
from protos.mistaken import PARTS_MARK, parts_of
from splitter.graph.files import save
from splitter.memory import trim_memory

_MAX_INSIDE = 64 << 20
_LOCK = "lock"
_BUSY = {errno.EWOULDBLOCK, errno.EACCES}


class Parts:
    """The folder `BUNDLE.RECIPE.parts`. Steps of another recipe have a folder of their own."""

    def __init__(self, bundle: Path, recipe: str) -> None:
        """Raises BundleError where something stands in the folder's place that Isthmus did not make."""
        self._bundle, self._recipe = bundle.resolve(), recipe
        self.folder = _folder(self._bundle, recipe)
        self._claim()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While open, no other split makes this bundle. Raises BundleError where one does already."""
        descriptor = self._lock()
        try:
            for folder in self.others():
                self._check_idle(folder)
            yield
        finally:
            if self.folder.exists() and not self.kept:
                self.remove()
            os.close(descriptor)  # the system lets go of the lock, even of a process that was killed

    def others(self) -> list[Path]:
        """The folders in which steps of other recipes for this bundle are kept."""
        near = sorted(self._bundle.parent.glob(f"{glob.escape(self._bundle.name)}.*.parts"))
        return [folder for folder in near if folder != self.folder and parts_of(folder) == self._bundle.name]

    def told(self) -> Iterator[str]:
        """A line for each of `others`: what it takes, and how to be rid of it."""
        for folder in filter(_holds_steps, self.others()):
            size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
            yield (
                f"{folder} keeps {size / 1e6:.1f} MB of finished steps of another recipe for "
                f"{self._bundle.name}; if none is to go on, remove it: rm -r {shlex.quote(str(folder))}"
            )

    @classmethod
    def discard(cls, bundle: Path, recipe: str) -> None:
        """Throw away what an interrupted run left of a bundle that is whole now."""
        if _folder(bundle.resolve(), recipe).exists():
            left = cls(bundle, recipe)
            with left.locked():
                left.remove()

    @property
    def kept(self) -> bool:
        """Whether any step is finished."""
        return _holds_steps(self.folder)

    @property
    def size(self) -> int:
        """Bytes of all that is finished."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    def model(self, name: str, make: Callable[[], onnx.ModelProto]) -> onnx.ModelProto:
        """An ONNX model, made once."""
        place = self.folder / f"{name}.onnx"
        if not place.exists():
            self._write_model(place, make())
            trim_memory()
        return onnx.load(place)

    def value(self, name: str, make: Callable[[], Any]) -> Any:
        """A JSON value, made once."""
        return json.loads(
            self.file(f"{name}.json", lambda path: path.write_text(json.dumps(make()))).read_text()
        )

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """A file, written once."""
        place = self.folder / name
        if not place.exists():
            self._write(place, write)
            trim_memory()
        return place

    def take(self, name: str, write: Callable[[Path], object], target: Path) -> None:
        """A file, written once, into the bundle: by a second name, so that an interrupted run finds it
        again.
        """
        place = self.file(name, write)
        try:
            target.hardlink_to(place)
        except OSError:  # not every file system has second names
            shutil.move(place, target)

    def staging(self) -> Path:
        """An empty folder in which the bundle is put together."""
        place = self.folder / "staging"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    def apart(self, name: str) -> "Parts":
        """A folder within for the steps of another model that is part of the same bundle."""
        apart = copy(self)
        apart.folder = self.folder / name
        apart.folder.mkdir(exist_ok=True)
        return apart

    def remove(self) -> None:
        """Throw everything away; the bundle is whole."""
        shutil.rmtree(self.folder)

    def _claim(self) -> None:
        """Make the folder and mark it, or find it marked."""
        if parts_of(self.folder) == self._bundle.name:
            return
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise BundleError(
                f"{self.folder} is where finished steps are kept, and Isthmus did not make it; rename it, or "
                "give another folder with -o",
                path=str(self.folder),
            )
        mark = json_of("split", {"bundle": self._bundle.name, "recipe": self._recipe})
        write_whole(self.folder / PARTS_MARK, mark)

    def _lock(self) -> int:
        """A descriptor that holds the lock. Another split may remove the folder while it is locked here: then
        once more.
        """
        while True:
            self._claim()
            place = self.folder / _LOCK
            with suppress(FileNotFoundError):
                descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
                if not _held(descriptor):
                    os.close(descriptor)
                    raise self._busy(place)
                if place.exists() and os.path.samestat(os.fstat(descriptor), place.stat()):
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                    return descriptor
                os.close(descriptor)

    def _check_idle(self, folder: Path) -> None:
        with suppress(FileNotFoundError):
            descriptor = os.open(folder / _LOCK, os.O_RDWR)
            try:
                if not _held(descriptor):
                    raise self._busy(folder / _LOCK)
            finally:
                os.close(descriptor)

    def _busy(self, lock: Path) -> BundleError:
        process = lock.read_text().strip() or "unknown"
        return BundleError(
            f"another split makes {self._bundle} (process {process}); wait until it ends, or give another "
            "folder with -o",
            process=process,
        )

    def _write_model(self, place: Path, model: onnx.ModelProto) -> None:
        """The graph last: a graph that is there has its weights beside it."""
        made = self.folder / "making"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        try:
            save(model, made / place.name, _MAX_INSIDE)
            for file in sorted(made.iterdir(), key=lambda path: path.name == place.name):
                file.replace(self.folder / file.name)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _write(self, place: Path, write: Callable[[Path], object]) -> None:
        aside = place.with_name(f"aside-{place.name}")
        try:
            write(aside)
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)


def _folder(bundle: Path, recipe: str) -> Path:
    return bundle.with_name(f"{bundle.name}.{recipe[:12]}.parts")


def _holds_steps(folder: Path) -> bool:
    return not {path.name for path in folder.iterdir()} <= {PARTS_MARK, _LOCK}


def _held(descriptor: int) -> bool:
    """Whether the lock of a file is ours now; False where another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _BUSY  # a file system without locks lets everybody in
    return True
