"""`isthmus bench memory`: its arguments, and the folder that it works in."""

import argparse
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench.memory.measure import measure
from bench.memory.tables import summary, table
from bench.rig.arguments import add_count, add_figures
from bench.rig.figures import check_places, publish
from protos.errors import RequestError
from protos.terminal.progress import progress

_EPILOG = """\
A random checkpoint of true size is written under --disk (13.5 GB for llava-7b, and as much again for its
bundle), split in a process of its own, and thrown away. The peak of resident memory is the kernel's own;
which part of it no file backs is looked at every 10 ms.

example:
  isthmus bench memory --config llava-7b --disk /var/tmp -o memory.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench memory`."""
    command.epilog = _EPILOG
    command.add_argument(
        "--config", default="llava-7b", metavar="NAME", help="llava-7b or llava-tiny (default: %(default)s)"
    )
    command.add_argument(
        "--disk",
        type=Path,
        metavar="DIR",
        help="where there is room (default: the system's temporary folder)",
    )
    add_count(command, "--pictures", 1, "held-out pictures to measure on")
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, UnknownName or DiskFull."""
    check_places("memory", options.output)
    if options.disk and not options.disk.is_dir():
        raise RequestError(f"--disk {options.disk} is not a folder; name one where there is room")
    folder = Path(tempfile.mkdtemp(prefix="isthmus-bench-", dir=options.disk))
    try:
        with progress() as shown:
            figures = measure(options.config, folder, options.pictures, shown)
    finally:
        shutil.rmtree(folder)
    found = asdict(figures)
    publish("memory", options, found, lambda: Console().print(table(figures), summary(figures), sep="\n"))
