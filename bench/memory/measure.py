"""The peak memory of splitting a checkpoint of true size."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bench.rig import child

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


def measure(config: str, folder: Path, pictures: int, progress: Progress) -> MemoryFigures:
    """Write the checkpoint, split it, and take the peaks. Raises UnknownName or DiskFull."""
    from bench.memory import checkpoint, split_process
    from splitter.families.loading import Checkpoint

    task = progress.add_task("writing the checkpoint", total=None)
    checkpoint.write(
        config, folder / "checkpoint", lambda done, total: progress.update(task, completed=done, total=total)
    )
    checkpoint.write_pictures(folder / "pictures", 4 * max(4, pictures))
    progress.update(task, description="splitting", completed=0, total=None)
    places = (folder / "checkpoint", folder / "pictures", folder / "bundle", pictures)
    *steps, whole = _printed(child.results(split_process.__name__, *places), progress)
    read = Checkpoint(folder / "checkpoint")
    size = sum(tensor.end - tensor.begin for tensor in read.tensors.values())
    return MemoryFigures(config, size, read.language_bytes, read.vision_bytes, steps=steps, **whole)


def _printed(events: Iterator[dict[str, Any]], progress: Progress) -> Iterator[dict[str, Any]]:
    """The events, each step printed as it begins."""
    for event in events:
        if "step" in event:
            progress.console.print(event["step"], highlight=False)
        yield event
