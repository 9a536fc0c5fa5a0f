"""`isthmus demo`: the whole chain on this machine, over good and bad links."""

import argparse
import signal
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.markup import escape

from bench.rig.bundles import prepare
from bench.rig.console import wide_console
from bench.rig.outcomes import Outcome
from deploy.demo import output, tables
from deploy.demo import run as measurement
from deploy.demo.agent.agent_record import AgentRecord
from deploy.demo.agent.asking import curl_line
from deploy.demo.agent.running import LEAST_SECONDS, RunningAgent, running_agent, stay
from deploy.demo.agent.words import invitation
from deploy.demo.fleet import words as fleet_words
from deploy.demo.fleet.fleet_record import FleetRecord
from deploy.demo.fleet.running import RunningFleet, running_fleet
from deploy.demo.record import Record
from protos.errors import IsthmusError
from protos.terminal.arguments import whole
from protos.terminal.options import add_bundle, add_json
from protos.terminal.progress import Progress, progress

_MAX_QUESTIONS = 200
_PIPED_WIDTH = 160
_EPILOG = """\
examples:
  isthmus demo                                     # open demo/report.html afterwards, and what it names
  isthmus demo --no-stay                           # end when all is measured, as without a terminal
  isthmus demo --questions 20 --json > demo.json   # more of it, and the figures for a program
  isthmus demo --bundle my-bundle                  # another split of the built-in model, made --with-local

The cloud service runs as a process of its own on this machine; a proxy between makes the link good, slow or
poor. In the end `isthmus edge run` watches two drawn cameras, and `isthmus fleet serve` gives it and three
simulated devices a new cut, then a bad one, which is rolled back. The live page, the OpenAI API and the
controller may be opened until Ctrl-C. Where agent or controller do not do what they should, the status is 1.
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
    parser.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        help="leave the agent running until Ctrl-C (default: on a terminal, without --json)",
    )
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prepare, measure, let an agent watch, report. Raises RequestError, BundleError or CloudError where it
    cannot, IsthmusError where the agent did not do what it should.
    """
    output.check(options.output)
    console = wide_console(_PIPED_WIDTH, stderr=options.json)
    with ExitStack() as opened:
        opened.enter_context(_termination_as_interrupt())
        bundle, begun = prepare(options.bundle), perf_counter()
        with progress() as shown:
            record = measurement.run(bundle, options.questions, partial(_show, shown))
            shown.step("starting an agent and its cloud")
            agent = opened.enter_context(running_agent(bundle, options.output))
            seen = _watched(agent, shown)
            shown.step("starting a controller of its fleet")
            fleet = opened.enter_context(running_fleet(bundle, agent))
            tuned = _tuned(fleet, shown)
        record = replace(record, agent=seen, fleet=tuned, seconds=perf_counter() - begun)
        _report(record, options, console)
        if _stays(options):
            _invite(record, agent, fleet, options.output, console)
    for whose, missing in (("agent", seen.missing), ("controller", tuned.missing)):
        if missing:
            raise IsthmusError(f"the {whose} did not do all that it should: {'; '.join(missing)}")
    return 0


def _watched(agent: RunningAgent, shown: Progress) -> AgentRecord:
    def tell(seen: AgentRecord) -> None:
        shown.update(min(seen.seconds, LEAST_SECONDS), LEAST_SECONDS, note=f"{len(seen.events)} events")

    shown.step("an agent watches two cameras", LEAST_SECONDS)
    return agent.watched(tell)


def _tuned(fleet: RunningFleet, shown: Progress) -> FleetRecord:
    shown.step("an operator tunes its fleet")
    return fleet.tuned(shown.step)


def _report(record: Record, options: argparse.Namespace, console: Console) -> None:
    tables.show(console, record)
    page = output.write(record, options.output)
    if options.json:
        print(output.as_json(record))
    console.print(f"[bold]{escape(str(page))}[/] shows all of it; the run took {record.seconds:.0f} s")
    if options.open:
        webbrowser.open(page.resolve().as_uri())


def _stays(options: argparse.Namespace) -> bool:
    if options.stay is not None:
        return bool(options.stay)
    return not options.json and sys.stdin.isatty() and sys.stdout.isatty()


def _invite(record: Record, agent: RunningAgent, fleet: RunningFleet, folder: Path, console: Console) -> None:
    """Say what may be opened, until Ctrl-C."""
    first = record.asked[0]
    curl = curl_line(agent.address, folder / f"{first.name}.png", first.question)
    for line in (*invitation(agent, curl), *fleet_words.invitation(fleet)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print("[bold]The agent and the controller run until Ctrl-C.[/]")
    stay(agent)


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
