"""`isthmus bench head`: its arguments."""

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.rig.arguments import add_count, add_figures
from bench.rig.bundles import chosen_bundle
from bench.rig.figures import check_places, publish
from protos.errors import RequestError
from protos.terminal.options import add_bundle
from protos.terminal.progress import Progress, progress

if TYPE_CHECKING:  # it needs torch, which takes its time
    from bench.head.results import HeadFigures

_EPILOG = """\
examples:
  isthmus bench head --threads 2                            # the built-in model
  isthmus bench head --bundle bundle --repetitions 50 -o head.json
  isthmus bench head --config smolvlm-256m
"""
_CONFIG_HELP = (
    "a model of true size with random weights instead, built for the measurement: smolvlm-256m, "
    "vit-b16-224, blip-base"
)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench head`."""
    command.epilog = _EPILOG
    add_bundle(command)
    command.add_argument("--config", metavar="NAME", help=_CONFIG_HELP)
    add_count(command, "--threads", 1, "threads of each form")
    add_count(command, "--repetitions", 20, "turns")
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CheckpointError."""
    from bench.head import tables
    from splitter.silence import silence_libraries

    if options.bundle and options.config:
        raise RequestError("--config builds a model in place of a bundle; leave --bundle or --config out")
    check_places("head", options.output)
    with (
        tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder,
        progress() as shown,
        silence_libraries(),
    ):
        figures = _measured(options, Path(folder), shown)
    publish("head", options, asdict(figures), lambda: tables.show(figures, Console()))


def _measured(options: argparse.Namespace, folder: Path, shown: Progress) -> "HeadFigures":
    from bench.head import towers
    from bench.head.measure import measure

    shown.step("exporting")
    if options.config:
        bundle, graphs = towers.build(options.config, folder / "bundle")
    else:
        bundle = chosen_bundle(options.bundle)
        graphs = towers.Towers.of(bundle.folder("cloud"))
    shown.step("measuring", options.repetitions)
    return measure(bundle, graphs, folder, options.threads, options.repetitions, shown.advance)
