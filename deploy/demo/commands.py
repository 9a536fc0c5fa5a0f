"""`isthmus demo`: the whole chain on this machine, over good and bad links."""

import argparse
import signal
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.markup import escape

from bench.rig.bundles import prepare
from bench.rig.console import wide_console
from bench.rig.outcomes import Outcome
from deploy.demo import output, tables
from deploy.demo import run as measurement
from protos.terminal.arguments import whole
from protos.terminal.options import add_bundle, add_json
from protos.terminal.progress import Progress, progress

_MAX_QUESTIONS = 200
_PIPED_WIDTH = 160
_EPILOG = """\
examples:
  isthmus demo                                     # about half a minute; open demo/report.html afterwards
  isthmus demo --questions 20 --json > demo.json   # more of it, and the figures for a program
  isthmus demo --bundle my-bundle                  # another split of the built-in model, made --with-local

The cloud service runs as a process of its own on this machine; a proxy between makes the link good, slow or
poor.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus demo`."""
    parser.epilog = _EPILOG
    add_bundle(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="where the report goes (default: %(default)s)",
    )
    parser.add_argument(
        "--questions",
        type=whole(1, _MAX_QUESTIONS),
        default=9,
        metavar="N",
        help="for each strategy on each link (default: %(default)s)",
    )
    add_json(parser)
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prepare, measure, report. Raises RequestError, BundleError or CloudError where it cannot."""
    output.check(options.output)
    console = wide_console(_PIPED_WIDTH, stderr=options.json)
    with _termination_as_interrupt():
        bundle = prepare(options.bundle)
        with progress() as shown:
            record = measurement.run(bundle, options.questions, partial(_show, shown))
    tables.show(console, record)
    page = output.write(record, options.output)
    if options.json:
        print(output.as_json(record))
    console.print(f"[bold]{escape(str(page))}[/] shows all of it; the run took {record.seconds:.0f} s")
    if options.open:
        webbrowser.open(page.resolve().as_uri())
    return 0


def _show(shown: Progress, link: str, outcome: Outcome | None) -> None:
    if outcome is None:
        shown.step(link)
    else:
        shown.advance(note=f"{outcome.strategy}, {outcome.verdict}")


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the demonstration as Ctrl-C does, so that the cloud is stopped."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
