"""`isthmus bench video`: its arguments."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.rig.figures import check_places, save_figures
from protos.arguments import whole
from protos.bundle import Bundle
from protos.errors import RequestError
from splitter.commands import wait_quietly

if TYPE_CHECKING:  # it needs torch, which takes its time
    from bench.video.outcome import Outcome

_PIPED_WIDTH = 170
_EPILOG = """\
Clips of drawn scenes, of which the right answers are known at every frame: a slow scene, a moving one, and
a cut. Every cut and level of the fitted or learned codec, each frame by itself and coded against the last
one that the cloud has, beside MJPEG and H.264: bytes a second, and right answers to questions once a
second. The head in place, both halves of the real codec. The bundle must be one that answers questions
about such scenes, as the built-in model does. H.264 needs PyAV: pip install av.

examples:
  isthmus bench video bundle
  isthmus bench video bundle --clips 4 --seconds 12 --json video.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench video`."""
    command.formatter_class, command.epilog = argparse.RawDescriptionHelpFormatter, _EPILOG
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle with its cloud folder")
    command.add_argument(
        "--clips", type=whole(), default=6, metavar="N", help="clips of each kind (default: %(default)s)"
    )
    command.add_argument(
        "--seconds",
        type=whole(),
        default=6,
        metavar="N",
        help="length of a clip, at least 2 (default: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="F", help="write the figures to a file")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and tell. Raises RequestError, BundleError or CheckpointError."""
    wait_quietly()
    from bench.video import h264, tables

    if options.seconds < 2:
        raise RequestError(f"--seconds is {options.seconds}; a cut needs at least 2")
    h264.check()
    check_places(options.json)
    found = _outcome(Bundle.open(options.bundle), options.clips, options.seconds)
    console = Console()
    tables.show(found, console if console.is_terminal else Console(width=_PIPED_WIDTH))
    save_figures(options.json, found.record())


def _outcome(bundle: Bundle, clips: int, seconds: int) -> "Outcome":
    from bench.codec.halves import Cloud, check_one_tile
    from bench.video.clips import KINDS
    from bench.video.outcome import examine
    from bench.video.ways import every_way
    from splitter.silence import silence_libraries

    if bundle.manifest.HasField("matching"):
        raise RequestError(
            f"{bundle.manifest.model} answers no questions; measure a bundle that does, such as the "
            "built-in model's"
        )
    check_one_tile(bundle)
    cloud = Cloud(bundle)
    ways = list(every_way(bundle, cloud))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress, silence_libraries():
        task = progress.add_task("drawing", total=len(KINDS) * len(ways))
        return examine(
            bundle,
            cloud,
            ways,
            clips,
            seconds,
            lambda name: progress.update(task, description=name, advance=1),
        )
