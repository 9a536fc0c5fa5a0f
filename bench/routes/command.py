"""`isthmus bench routes`: its arguments."""

import argparse
from dataclasses import asdict

from rich.console import Console

from bench.rig.arguments import add_built_in_bundle, add_json
from bench.rig.bundles import prepare
from bench.rig.console import progress_bar
from bench.rig.figures import check_places, save_figures
from bench.routes.measure import routes, setting
from bench.routes.tables import table


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench routes`."""
    add_built_in_bundle(command)
    command.add_argument(
        "--repetitions",
        type=int,
        default=40,
        metavar="N",
        help="questions by each route (default: %(default)s)",
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CloudError."""
    check_places(options.json)
    bundle = prepare(options.bundle)
    with progress_bar() as progress:
        task = progress.add_task("asking", total=options.repetitions)
        timings = routes(bundle, options.repetitions, lambda: progress.advance(task))
    where = setting(options.repetitions)
    Console().print(table(timings, where))
    figures = {"setting": where, "bundle": bundle.digest, "routes": [asdict(t) for t in timings]}
    save_figures(options.json, figures)
