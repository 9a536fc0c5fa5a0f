"""`isthmus bench routes`: its arguments."""

import argparse
from dataclasses import asdict

from rich.console import Console

from bench.rig.arguments import add_count, add_figures
from bench.rig.bundles import prepare
from bench.rig.figures import check_places, publish
from bench.routes.measure import routes, setting
from bench.routes.tables import table
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress

_EPILOG = """\
examples:
  isthmus bench routes
  isthmus bench routes --bundle bundle --repetitions 100 -o routes.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench routes`."""
    command.epilog = _EPILOG
    add_bundle(command)
    add_count(command, "--repetitions", 40, "questions by each route")
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CloudError."""
    check_places("routes", options.output)
    bundle = prepare(options.bundle)
    with progress() as shown:
        shown.step("asking", options.repetitions)
        timings = routes(bundle, options.repetitions, shown.advance)
    where = setting(options.repetitions)
    figures = {"setting": where, "bundle": bundle.digest, "routes": [asdict(t) for t in timings]}
    publish("routes", options, figures, lambda: Console().print(table(timings, where)))
