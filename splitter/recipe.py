"""All that a split depends on, as one digest: the same recipe need not be cooked twice."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from protos.bundle import FORMAT, file_digest

_PACKAGES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Options:
    """What the user of `isthmus split` chose. `cuts` empty: chosen automatically. `calibration` None: the built-in scenes."""

    checkpoint: Path
    cuts: tuple[str, ...] = ()
    calibration: Path | None = None
    with_local: bool = False
    calibration_pictures: int = 512
    report_pictures: int = 60
    threads: int = 1


def versions() -> dict[str, str]:
    """The packages that shape the result."""
    return {name: version(name) for name in _PACKAGES}


def recipe(options: Options) -> str:
    """The hex SHA-256 of checkpoint, options, versions and format."""
    chosen = asdict(options) | {"checkpoint": _digests(options.checkpoint), "calibration": _listing(options.calibration)}
    text = json.dumps({"options": chosen, "versions": versions(), "format": FORMAT}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: file_digest(path) for path in sorted(folder.iterdir()) if path.is_file()}


def _listing(folder: Path | None) -> list[list[str | int]] | None:
    if folder is None:
        return None
    return [[str(path.relative_to(folder)), path.stat().st_size] for path in sorted(folder.rglob("*")) if path.is_file()]
