"""`isthmus bench head`: its arguments."""

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from bench.rig.arguments import add_count, add_json
from bench.rig.console import progress_bar
from bench.rig.figures import check_places, save_figures
from protos.bundle import Bundle

if TYPE_CHECKING:  # it needs torch, which takes its time
    from bench.head.results import HeadFigures

_CONFIG_HELP = (
    "a model of true size with random weights instead, built for the measurement: smolvlm-256m, "
    "vit-b16-224, blip-base"
)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench head`."""
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("bundle", nargs="?", type=Path, metavar="BUNDLE", help="a bundle with its cloud folder")
    what.add_argument("--config", metavar="NAME", help=_CONFIG_HELP)
    add_count(command, "--threads", 1, "threads of each form")
    add_count(command, "--repetitions", 20, "turns")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CheckpointError."""
    from bench.head import tables
    from splitter.silence import silence_libraries

    check_places(options.json)
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder,
        progress_bar() as progress,
        silence_libraries(),
    ):
        figures = _measured(options, Path(folder), progress)
    tables.show(figures, Console())
    save_figures(options.json, asdict(figures))


def _measured(options: argparse.Namespace, folder: Path, progress: Progress) -> "HeadFigures":
    from bench.head import towers
    from bench.head.measure import measure

    task = progress.add_task("exporting", total=options.repetitions)
    if options.config:
        bundle, graphs = towers.build(options.config, folder / "bundle")
    else:
        bundle = Bundle.open(options.bundle)
        graphs = towers.Towers.of(bundle.folder("cloud"))
    progress.update(task, description="measuring")
    return measure(
        bundle, graphs, folder, options.threads, options.repetitions, lambda: progress.advance(task)
    )
