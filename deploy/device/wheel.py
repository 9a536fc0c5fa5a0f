"""The device's wheel: what a device runs; not the service, the built-in model, the benchmarks."""

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isthmus import VERSION

DEVICE_PLACES = (
    "isthmus.py",
    "LICENSE",
    "edge",
    "protos",
    "splitter/__init__.py",
    # whose commands a device has: bundle, plan
    "splitter/commands",
    "splitter/planning",
    "splitter/storage",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is made
_ABOUT = f"isthmus_edge-{VERSION}.dist-info"
_RECORD = f"{_ABOUT}/RECORD"
_WHEEL = "Wheel-Version: 1.0\nGenerator: isthmus\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def device_wheel(root: Path, folder: Path) -> Path:
    """Write the wheel `isthmus_edge` of the project at `root` into a folder."""
    project = read_project(root)
    path = folder / f"isthmus_edge-{VERSION}-py3-none-any.whl"
    lines = []
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in _contents(root, project):
            wheel.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
            lines.append(f"{name},sha256={_digest(data)},{len(data)}")
        wheel.writestr(zipfile.ZipInfo(_RECORD, _EPOCH), "\n".join([*lines, f"{_RECORD},,", ""]))
    return path


def read_project(root: Path) -> dict[str, Any]:
    """What pyproject.toml says of the project."""
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return project


def device_needs(project: dict[str, Any]) -> list[str]:
    """What a device needs: what the project does, and its `edge` extra."""
    return [*project["dependencies"], *project["optional-dependencies"]["edge"]]


def _contents(root: Path, project: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for place in DEVICE_PLACES:
        below = (root / place).rglob("*") if (root / place).is_dir() else [root / place]
        for path in sorted(path for path in below if path.is_file() and path.suffix != ".pyc"):
            yield path.relative_to(root).as_posix(), path.read_bytes()
    scripts = [f"{name} = {place}" for name, place in project["scripts"].items()]
    yield f"{_ABOUT}/METADATA", _metadata(project).encode()
    yield f"{_ABOUT}/WHEEL", _WHEEL.encode()
    yield f"{_ABOUT}/entry_points.txt", "\n".join(["[console_scripts]", *scripts, ""]).encode()


def _metadata(project: dict[str, Any]) -> str:
    lines = [
        "Metadata-Version: 2.4",
        "Name: isthmus-edge",
        f"Version: {VERSION}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {need}" for need in device_needs(project)),
    ]
    return "\n".join([*lines, ""])


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
