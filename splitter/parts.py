"""Finished steps of a split, kept beside the bundle until it is whole: what an interrupted run need not do again.

Every file is written aside and renamed, so that what stands under its name is complete.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx


class Parts:
    """The folder `BUNDLE.parts`; steps of another recipe in it are thrown away."""

    def __init__(self, bundle: Path, recipe: str) -> None:
        self.folder = bundle.with_name(bundle.name + ".parts")
        mark = self.folder / "recipe"
        if self.folder.exists() and not (mark.exists() and mark.read_text() == recipe):
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(mark, lambda path: path.write_text(recipe))

    def model(self, name: str, make: Callable[[], onnx.ModelProto]) -> onnx.ModelProto:
        """An ONNX model, made once."""
        return onnx.load(self.file(f"{name}.onnx", lambda path: onnx.save(make(), path)))

    def value(self, name: str, make: Callable[[], Any]) -> Any:
        """A JSON value, made once."""
        return json.loads(self.file(f"{name}.json", lambda path: path.write_text(json.dumps(make()))).read_text())

    def file(self, name: str, write: Callable[[Path], object]) -> Path:
        """A file, written once."""
        place = self.folder / name
        if not place.exists():
            self._write(place, write)
        return place

    def staging(self) -> Path:
        """An empty folder in which the bundle is put together."""
        place = self.folder / "staging"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    def remove(self) -> None:
        """Throw everything away; the bundle is whole."""
        shutil.rmtree(self.folder)

    def _write(self, place: Path, write: Callable[[Path], object]) -> None:
        aside = place.with_name(f"aside-{place.name}")
        write(aside)
        aside.replace(place)
