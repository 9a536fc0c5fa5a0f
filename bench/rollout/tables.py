"""What `isthmus bench rollout` prints."""

from collections.abc import Sequence

from rich.table import Table

from bench.rig.console import plain_table
from bench.rollout.cases import BOUNDS
from bench.rollout.measure import RolloutOutcome


def table(outcomes: Sequence[RolloutOutcome]) -> Table:
    """A row a case, those of one group under its name."""
    made = plain_table("verdicts on candidates, simulated", padding=2)
    made.add_column("candidate")
    for name in ("pairs", "rolled back", "advanced", "held", "pairs to a verdict"):
        made.add_column(name, justify="right")
    group = ""
    for found in outcomes:
        if found.group != group:
            group = found.group
            made.add_row(group)
        held = 100 - found.rolled_back - found.advanced
        shares = (f"{share:.1f}%" for share in (found.rolled_back, found.advanced, held))
        median = "" if found.pairs is None else f"{found.pairs:.0f}"
        made.add_row(f"  {found.case}", str(found.max_pairs), *shares, median)
    return made


def notes(rollouts: int, seed: int) -> Sequence[str]:
    """What the columns mean."""
    bounds = (
        f"{BOUNDS.slowdown:.0%} slower, {BOUNDS.failures:.0%} of all requests more that fail, "
        f"{BOUNDS.changed or 0:.0%} other answers"
    )
    return [
        f"{rollouts} rollouts a row, seed {seed}, judged after every pair until the first verdict.",
        f"Bounds: {bounds}; a verdict is wrong in {BOUNDS.alpha:.0%} at most.",
        "Times are log-normal. Noise is that of the ratio in a pair, spread that of the requests themselves.",
        "What is held needs more pairs than it had.",
    ]
