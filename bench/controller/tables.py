"""What `isthmus bench fleet` prints."""

from collections.abc import Callable, Sequence

from rich.table import Table

from bench.controller.results import FleetFigures
from bench.rig.console import plain_table

_ROWS: Sequence[tuple[str, Callable[[FleetFigures], str]]] = (
    ("all connected, from nothing", lambda f: f"{f.connected:.1f} s"),
    ("new settings: written", lambda f: f"{f.change('answered'):.2f} s"),
    ("  reported by half", lambda f: f"{f.change('half'):.2f} s"),
    ("  by 99%", lambda f: f"{f.change('most'):.2f} s"),
    ("  by all", lambda f: f"{f.change('all'):.2f} s"),
    ("  controller's CPU, a device", lambda f: f"{1e6 * f.change('cpu') / f.devices:.0f} us"),
    ("controller's memory, at most", lambda f: f"{f.controller_memory / 1e6:.0f} MB"),
    ("broker's memory, at most", lambda f: f"{f.broker_memory / 1e6:.0f} MB"),
    ("windows a second", lambda f: f"{f.windows_a_second:.1f}"),
    ("  controller's CPU, of a core", lambda f: f"{f.idle_cpu:.1%}"),
    ("  sent, and counted", lambda f: f"{f.windows_sent}, {f.windows_counted}"),
    ("broker started again: all back", lambda f: f"{f.back:.1f} s"),
    ("  connects a second, at most", lambda f: f"{f.peak_connects:.0f}"),
    ("  all known to be back", lambda f: f"{f.known:.1f} s"),
    ("leader killed in mid-rollout: the next leads", lambda f: f"{f.next_leads:.1f} s"),
    ("  all devices have it", lambda f: f"{f.rolled_out:.1f} s"),
    ("  lost, told twice", lambda f: f"{f.lost}, {f.doubled}"),
)


def load_table(found: Sequence[FleetFigures]) -> Table:
    """A column a size of fleet."""
    made = plain_table("a fleet's controller, with so many devices connected", padding=3)
    made.add_column("devices")
    for figures in found:
        made.add_column(f"{figures.devices:,}", justify="right")
    for name, cell in _ROWS:
        made.add_row(name, *(cell(figures) for figures in found))
    return made


def load_notes(telemetry: float, cores: int, load: float) -> Sequence[str]:
    """What the rows mean."""
    return [
        f"All on one machine with {cores} cores, load {load:.1f} at the end; windows every {telemetry:g} s.",
        "New settings: from the request until the controller has written what is reported; medians.",
        "The broker keeps nothing on disk: started again, it knows nothing, and is told all again.",
    ]
