"""What `isthmus bench routes` prints."""

from collections.abc import Sequence

from rich.table import Table

from bench.routes.measure import RouteTiming


def table(timings: Sequence[RouteTiming], caption: str) -> Table:
    """A row for each route."""
    made = Table(
        title="time to the whole answer", title_justify="left", caption=caption, caption_justify="left"
    )
    for name in ("route", "median ms", "p95 ms", "of upload", "bytes up", "right", "95%"):
        made.add_column(name, justify="left" if name == "route" else "right")
    for t in timings:
        times = (f"{t.median_ms:.1f}", f"{t.p95_ms:.1f}", f"{t.of_upload:.2f}")
        right = f"{t.right_percent:.0f}% of {t.asked}"
        made.add_row(
            t.route, *times, f"{t.bytes_up:,.0f}", right, f"{t.right_low:.0f} to {t.right_high:.0f}%"
        )
    return made
