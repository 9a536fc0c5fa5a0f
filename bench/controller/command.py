"""`isthmus bench fleet`: its arguments."""

import argparse
import asyncio
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.rig.arguments import add_count, add_figures
from bench.rig.figures import check_places, publish
from protos.terminal.arguments import seconds, whole

_EPILOG = """\
Starts a mosquitto, a controller, and simulated devices that speak real MQTT, and measures for each size of
fleet: how soon new settings are reported, what the controller takes, whether windows are lost, what happens
when the broker is started again, and when the leader is killed in the middle of a rollout.

examples:
  isthmus bench fleet
  isthmus bench fleet --devices 100 --devices 1000 --quiet 10s --json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench fleet`."""
    command.epilog = _EPILOG
    command.add_argument(
        "--devices",
        type=whole(10, 50_000),
        action="append",
        metavar="N",
        help="a size of fleet; may be repeated (default: 100, 1000, 10000)",
    )
    add_count(command, "--changes", 3, "of settings, of which the median is told")
    command.add_argument(
        "--telemetry",
        type=seconds("1s", "1h"),
        default="30s",
        metavar="TIME",
        help="between windows (default: %(default)s)",
    )
    command.add_argument(
        "--quiet",
        type=seconds("1s", "1h"),
        default="60s",
        metavar="TIME",
        help="that windows are counted for (default: %(default)s)",
    )
    add_count(command, "--processes", 2, "of simulated devices")
    command.add_argument(
        "--database",
        default="",
        metavar="URL",
        help="an empty one, for one size: postgresql://USER@HOST/NAME (default: SQLite)",
    )
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, CloudError."""
    from bench.controller.measure import LoadConfig, measure
    from bench.controller.tables import load_notes, load_table
    from bench.rig.console import print_notes, wide_console
    from protos.terminal.progress import progress

    check_places("fleet", options.output)
    sizes = options.devices or [100, 1000, 10_000]
    config = LoadConfig(
        options.telemetry, options.quiet, options.changes, options.processes, options.database
    )
    found = []
    with progress() as shown:
        for size in sizes:
            with tempfile.TemporaryDirectory(prefix="isthmus-fleet-") as folder:
                found.append(asyncio.run(measure(size, config, Path(folder), shown.step)))
    load = os.getloadavg()[0]
    figures = {"telemetry": config.telemetry, "load": load, "fleets": [asdict(one) for one in found]}

    def show() -> None:
        console = wide_console()
        console.print(load_table(found))
        print_notes(console, load_notes(config.telemetry, os.cpu_count() or 1, load))

    publish("fleet", options, figures, show)
