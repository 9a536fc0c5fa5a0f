"""`isthmus bench rollout`: its arguments."""

import argparse
from dataclasses import asdict

from bench.rig.arguments import add_count, add_figures
from bench.rig.console import print_notes, wide_console
from bench.rig.figures import check_places, publish
from bench.rollout.cases import BOUNDS, cases
from bench.rollout.measure import simulate
from bench.rollout.tables import notes, table
from protos.terminal.arguments import whole
from protos.terminal.progress import progress

_EPILOG = """\
Simulates rollouts of candidates that are known to be harmless or harmful, and tells how many are rolled back:
what `isthmus cloud traffic` finds, after how many pairs, and how often it is wrong. No model runs.

examples:
  isthmus bench rollout
  isthmus bench rollout --rollouts 200 --seed 7 --json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench rollout`."""
    command.epilog = _EPILOG
    add_count(command, "--rollouts", 1000, "of each candidate")
    command.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="of the draws (default: %(default)s)"
    )
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Simulate and report. Raises RequestError for a place that cannot be written."""
    check_places("rollout", options.output)
    outcomes = []
    with progress() as shown:
        shown.step("rolling out", len(cases()))
        for case in cases():
            outcomes.append(simulate(case, options.rollouts, options.seed))
            shown.advance()
    figures = {
        "rollouts": options.rollouts,
        "seed": options.seed,
        "bounds": asdict(BOUNDS),
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }

    def show() -> None:
        console = wide_console()
        console.print(table(outcomes))
        print_notes(console, notes(options.rollouts, options.seed))

    publish("rollout", options, figures, show)
