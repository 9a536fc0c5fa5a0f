"""The peak memory of splitting a checkpoint of true size."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rig import child
from protos.terminal.progress import Progress

_TARGET = 4 << 30  # beyond the tower


@dataclass(frozen=True)
class MemoryFigures:
    """Bytes. `resident` is the peak of all; `anonymous` and `file_backed` are the peaks of its parts, not at
    the same moment.
    """

    config: str
    checkpoint: int
    language: int
    tower: int
    resident: int
    anonymous: int
    file_backed: int
    seconds: float
    steps: list[dict[str, Any]]

    @property
    def target(self) -> int:
        return _TARGET + self.tower


def measure(config: str, folder: Path, pictures: int, shown: Progress) -> MemoryFigures:
    """Write the checkpoint, split it, and take the peaks. Raises UnknownName or DiskFull."""
    from bench.memory import checkpoint, split_process
    from splitter.families.loading import Checkpoint

    shown.step("writing the checkpoint")
    checkpoint.write(config, folder / "checkpoint", shown.update)
    checkpoint.write_pictures(folder / "pictures", 4 * max(4, pictures))
    shown.step("splitting")
    places = (folder / "checkpoint", folder / "pictures", folder / "bundle", pictures)
    *steps, whole = _printed(child.results(split_process.__name__, *places), shown)
    read = Checkpoint(folder / "checkpoint")
    size = sum(tensor.end - tensor.begin for tensor in read.tensors.values())
    return MemoryFigures(config, size, read.language_bytes, read.vision_bytes, steps=steps, **whole)


def _printed(events: Iterator[dict[str, Any]], shown: Progress) -> Iterator[dict[str, Any]]:
    """The events, each step printed as it begins."""
    for event in events:
        if "step" in event:
            shown.say(event["step"])
        yield event
