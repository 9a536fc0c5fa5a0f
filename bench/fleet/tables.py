"""What `isthmus bench fleet-rollouts` prints."""

from collections.abc import Sequence

from rich.table import Table

from bench.fleet.measure import FleetOutcome
from bench.rig.console import plain_table


def outcome_table(outcomes: Sequence[FleetOutcome]) -> Table:
    """A row a change, those of one group under its name."""
    made = plain_table("rollouts in simulated fleets", padding=2)
    made.add_column("change")
    for name in ("rollouts", "rolled back", "before a tenth had it", "done", "held", "hours"):
        made.add_column(name, justify="right")
    group = ""
    for found in outcomes:
        if found.group != group:
            group = found.group
            made.add_row(group)
        shares = (f"{share:.1f}%" for share in (found.rolled_back, found.caught, found.done, found.held))
        hours = "" if found.hours is None else f"{found.hours:.1f}"
        made.add_row(f"  {found.change}", str(found.rollouts), *shares, hours)
    return made


def outcome_notes(devices: int, seed: int) -> Sequence[str]:
    """What the columns mean."""
    return [
        f"Fleets of {devices} devices, seed {seed}; guards, phases and windows as they are by default.",
        "Devices differ, share the hours of the day, drift by themselves, and have links that turn bad.",
        "Held: neither is known after 45 hours, and an operator decides. Hours: the median until the end.",
    ]
