"""The device's wheel: what a device runs; not the service, the built-in model, the benchmarks."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

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
_WHEEL = "Wheel-Version: 1.0\nGenerator: isthmus\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def device_wheel(root: Path, folder: Path) -> Path:
    """Write the wheel `isthmus_edge` of the project at `root`, which is installed here, into a folder."""
    installed = distribution("isthmus")
    path = folder / f"isthmus_edge-{installed.version}-py3-none-any.whl"
    record = f"isthmus_edge-{installed.version}.dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in _contents(root, installed):
            wheel.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
            lines.append(f"{name},sha256={_digest(data)},{len(data)}")
        wheel.writestr(zipfile.ZipInfo(record, _EPOCH), "\n".join([*lines, f"{record},,", ""]))
    return path


def _contents(root: Path, installed: Distribution) -> Iterator[tuple[str, bytes]]:
    for place in DEVICE_PLACES:
        below = (root / place).rglob("*") if (root / place).is_dir() else [root / place]
        for path in sorted(path for path in below if path.is_file() and path.suffix != ".pyc"):
            yield path.relative_to(root).as_posix(), path.read_bytes()
    folder = f"isthmus_edge-{installed.version}.dist-info"
    described = installed.read_text("METADATA") or installed.read_text("PKG-INFO") or ""  # of an egg-info
    yield f"{folder}/METADATA", _metadata(described).encode()
    yield f"{folder}/WHEEL", _WHEEL.encode()
    yield f"{folder}/entry_points.txt", (installed.read_text("entry_points.txt") or "").encode()


def _metadata(text: str) -> str:
    """With another name, and what the `edge` extra asks for asked for by the wheel itself."""
    head, gap, body = text.partition("\n\n")
    lines = []
    for line in head.splitlines():
        if line == "Name: isthmus":
            lines.append("Name: isthmus-edge")
        elif line.startswith("Requires-Dist: ") and "extra ==" in line:
            lines += _of_edge(line)
        elif not line.startswith("Provides-Extra:"):
            lines.append(line)
    return "\n".join(lines) + gap + body


def _of_edge(line: str) -> list[str]:
    """A requirement of an extra, without the extra if it is this one."""
    need, _, marker = line.partition("; ")
    others = [part for part in marker.split(" and ") if part != 'extra == "edge"']
    if len(others) == len(marker.split(" and ")):
        return []
    return [f"{need}; {' and '.join(others)}" if others else need]


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
