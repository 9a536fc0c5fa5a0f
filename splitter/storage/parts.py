"""Finished steps of a split, kept beside the bundle until it is whole: what an interrupted run need not do
again.

Every file is written aside and renamed, so that what stands under its name is complete.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from splitter.graph.files import save
from splitter.memory import trim_memory

_MAX_INSIDE = 64 << 20
_MARK = "recipe"


class Parts:
    """The folder `BUNDLE.parts`; steps of another recipe in it are thrown away."""

    def __init__(self, bundle: Path, recipe: str) -> None:
        self.folder = _folder(bundle)
        mark = self.folder / _MARK
        if self.folder.exists() and not (mark.exists() and mark.read_text() == recipe):
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(mark, lambda path: path.write_text(recipe))

    @staticmethod
    def clear(bundle: Path) -> None:
        """Throw away what an interrupted run left of a bundle that is whole now."""
        shutil.rmtree(_folder(bundle), ignore_errors=True)

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

    def remove(self) -> None:
        """Throw everything away; the bundle is whole."""
        shutil.rmtree(self.folder)

    def tidy(self) -> None:
        """Leave no folder behind where no step was finished."""
        if self.folder.exists() and [path.name for path in self.folder.iterdir()] == [_MARK]:
            self.remove()

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


def _folder(bundle: Path) -> Path:
    return bundle.with_name(bundle.name + ".parts")
