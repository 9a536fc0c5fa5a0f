"""`isthmus bench edge`: its arguments."""

import argparse
from dataclasses import asdict

from rich.console import Console

from bench.edge.measure import Plan, measure
from bench.edge.tables import show
from bench.rig.arguments import add_count, add_figures
from bench.rig.bundles import prepare
from bench.rig.figures import check_places, publish
from protos.errors import RequestError
from protos.terminal.arguments import seconds
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress

_EPILOG = """\
Every start is a process of its own, one after another in turns: `isthmus ask` and `isthmus edge run`, with a
cloud on this machine and without; and onnxruntime alone, with the same graphs and nothing of Isthmus. The
files of all of them are in the system's cache, and modules are compiled, as pip leaves them.

examples:
  isthmus bench edge
  isthmus bench edge --bundle bundle --threads 2 --repetitions 10 -o edge.json
  isthmus bench edge --rest 30s --json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench edge`."""
    command.epilog = _EPILOG
    add_bundle(command)
    add_count(command, "--threads", 1, "threads for the models")
    add_count(command, "--repetitions", 5, "starts of each")
    add_count(command, "--answers", 20, "answers of each process that stays")
    command.add_argument(
        "--rest",
        type=seconds(),
        default=3.0,
        metavar="TIME",
        help="how long each process is left with nothing to do (default: 3s)",
    )
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CloudError."""
    check_places("edge", options.output)
    bundle = prepare(options.bundle)
    if bundle.manifest.HasField("matching"):
        raise RequestError("a dual encoder answers no questions; give the bundle of a model that does")
    plan = Plan(options.threads, options.repetitions, options.answers, options.rest)
    with progress() as shown:
        shown.step("starting", options.repetitions)
        figures = measure(bundle, plan, shown.advance)
    publish("edge", options, asdict(figures), lambda: show(figures, Console()))
