"""`isthmus bench fleet-rollouts`: its arguments."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from bench.fleet.cases import Change, changes
from bench.fleet.kept import KeptRollouts
from bench.fleet.measure import Ended, FleetOutcome, Fleets, simulate
from bench.fleet.tables import outcome_notes, outcome_table
from bench.rig.arguments import add_count, add_figures
from bench.rig.console import print_notes, wide_console
from bench.rig.figures import check_places, publish
from protos.terminal.arguments import whole
from protos.terminal.progress import progress

_EPILOG = """\
Simulates rollouts of changes that are known to be harmless or harmful, in fleets of devices, by the code that
`isthmus fleet serve` runs: how many are rolled back, and whether before a tenth of the fleet has the change.
1000 rollouts of every change take about fifty minutes on two cores. What is done is kept in the cache folder
($ISTHMUS_CACHE), so that a run that was interrupted goes on where it stopped.

examples:
  isthmus bench fleet-rollouts --rollouts 100
  isthmus bench fleet-rollouts --only "P95 10% longer" --devices 10000 --json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench fleet-rollouts`."""
    command.epilog = _EPILOG
    add_count(command, "--rollouts", 1000, "of each change")
    command.add_argument(
        "--devices", type=whole(100, 10_000), default=5000, metavar="N", help="a fleet (default: %(default)s)"
    )
    names = [change.name for change in changes()]
    command.add_argument(
        "--only", action="append", choices=names, metavar="CHANGE", help="this change; may be repeated"
    )
    command.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="of the draws (default: %(default)s)"
    )
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Simulate and report. Raises RequestError for a place that cannot be written."""
    check_places("fleet-rollouts", options.output)
    chosen = [change for change in changes() if not options.only or change.name in options.only]
    fleets = Fleets(options.rollouts, options.devices, options.seed)
    outcomes = _simulated(chosen, fleets)
    figures = {
        "rollouts": options.rollouts,
        "devices": options.devices,
        "seed": options.seed,
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }

    def show() -> None:
        console = wide_console()
        console.print(outcome_table(outcomes))
        print_notes(console, outcome_notes(options.devices, options.seed))

    publish("fleet-rollouts", options, figures, show)


def _simulated(chosen: Sequence[Change], fleets: Fleets) -> list[FleetOutcome]:
    kept = KeptRollouts(chosen, fleets)
    with progress() as shown:
        known = kept.read()
        shown.step("rolling out", fleets.rollouts)
        shown.advance(sum(number < fleets.rollouts for number in known))

        def done(number: int, ended: Sequence[Ended]) -> None:
            kept.add(number, ended)
            shown.advance()

        return simulate(chosen, fleets, known, done)
