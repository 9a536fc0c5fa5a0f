"""`isthmus bench memory`: what a split of a large checkpoint holds in memory."""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.rig.figures import check_places, save_figures
from protos.arguments import whole

_TARGET = 4 << 30  # beyond the tower

_EPILOG = """\
A random checkpoint of true size is written under --disk (13.5 GB for llava-7b, and as much again for its
bundle), split in a process of its own, and thrown away. The peak of resident memory is the kernel's own;
which part of it no file backs is looked at every 10 ms.

example:
  isthmus bench memory --config llava-7b --disk /var/tmp --json memory.json
"""


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


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench memory`."""
    command.epilog = _EPILOG
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument(
        "--config", default="llava-7b", metavar="NAME", help="llava-7b or llava-tiny (default: %(default)s)"
    )
    command.add_argument(
        "--disk",
        type=Path,
        metavar="DIR",
        help="where there is room (default: the system's temporary folder)",
    )
    command.add_argument(
        "--pictures",
        type=whole(),
        default=1,
        metavar="N",
        help="held-out pictures to measure on (default: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    check_places(options.json)
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="isthmus-bench-", dir=options.disk))
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            figures = measure(options.config, folder, options.pictures, progress)
    finally:
        shutil.rmtree(folder)
    console.print(_table(figures), _told(figures), sep="\n")
    save_figures(options.json, asdict(figures))


def measure(config: str, folder: Path, pictures: int, progress: Progress) -> MemoryFigures:
    """Write the checkpoint, split it, and take the peaks. Raises UnknownName or DiskFull."""
    from bench.memory import checkpoint, watched
    from bench.rig import child
    from splitter.families.loading import Checkpoint

    task = progress.add_task("writing the checkpoint", total=None)
    checkpoint.write(
        config, folder / "checkpoint", lambda done, total: progress.update(task, completed=done, total=total)
    )
    checkpoint.write_pictures(folder / "pictures", 4 * max(4, pictures))
    progress.update(task, description="splitting", completed=0, total=None)
    places = (folder / "checkpoint", folder / "pictures", folder / "bundle", pictures)
    *steps, whole = _followed(child.said(watched.__name__, *places), progress)
    read = Checkpoint(folder / "checkpoint")
    size = sum(tensor.end - tensor.begin for tensor in read.tensors.values())
    return MemoryFigures(config, size, read.language_bytes, read.vision_bytes, steps=steps, **whole)


def _followed(said: Iterator[dict[str, Any]], progress: Progress) -> Iterator[dict[str, Any]]:
    for step in said:
        if "step" in step:
            progress.console.print(step["step"], highlight=False)
        yield step


def _table(figures: MemoryFigures) -> Table:
    table = Table(
        title=f"memory while splitting {figures.config}", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    table.add_column("")
    table.add_column("GB", justify="right")
    rows = {
        "checkpoint on disk": figures.checkpoint,
        "its language model as FP32": figures.language,
        "its tower as FP32": figures.tower,
        "peak resident memory": figures.resident,
        "  of it no file backs, at most": figures.anonymous,
        "  of it files back, at most": figures.file_backed,
        "target: the tower and 4 GiB": figures.target,
    }
    for name, size in rows.items():
        table.add_row(name, f"{size / 1e9:.2f}")
    return table


def _told(figures: MemoryFigures) -> str:
    met = "within" if figures.resident <= figures.target else "above"
    return f"The peak is {met} the target; the split took {figures.seconds:.0f} s."
