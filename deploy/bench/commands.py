"""`isthmus bench`: measure."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from deploy.bench.routes import Timing, routes, setting
from deploy.demo.bundles import prepare

_EPILOG = """\
examples:
  isthmus bench routes
  isthmus bench routes --bundle my-bundle --repetitions 100 --json routes.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench`."""
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(metavar="WHAT", required=True)
    command = commands.add_parser("routes", help="every way to answer, interleaved, over loopback")
    command.add_argument("--bundle", type=Path, metavar="DIR", help="a split of the built-in model (default: made once, kept in the cache)")
    command.add_argument("--repetitions", type=int, default=40, metavar="N", help="questions by each route (default: %(default)s)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    command.set_defaults(run=_routes)


def _routes(options: argparse.Namespace) -> None:
    bundle = prepare(options.bundle)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("asking", total=options.repetitions)
        timings = routes(bundle, options.repetitions, lambda: progress.advance(task))
    Console().print(_table(timings, setting(options.repetitions)))
    if options.json:
        figures = {"setting": setting(options.repetitions), "bundle": bundle.digest, "routes": [asdict(t) for t in timings]}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _table(timings: list[Timing], caption: str) -> Table:
    table = Table(title="time to the whole answer", title_justify="left", caption=caption, caption_justify="left")
    for name in ("route", "median ms", "p95 ms", "of upload", "bytes up", "right"):
        table.add_column(name, justify="left" if name == "route" else "right")
    for t in timings:
        times = (f"{t.median_ms:.1f}", f"{t.p95_ms:.1f}", f"{t.of_upload:.2f}")
        table.add_row(t.route, *times, f"{t.bytes_up:,.0f}", f"{t.right_percent:.0f}%")
    return table
