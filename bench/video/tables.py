"""What `isthmus bench video` prints: every way with each kind of clip side by side, then who needs how
little.
"""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.codec.verdict import MAX_POINTS
from bench.video.clips import LIVELY, RATE, STILL
from bench.video.outcome import Outcome, Row

PASSED = "*"


def show(outcome: Outcome, console: Console) -> None:
    """The table, what it means, and a line for each kind of clip."""
    console.print(_table(outcome))
    for note in notes(outcome):
        console.print(escape(note), highlight=False)
    console.print()
    for sentence in outcome.sentences:
        console.print(escape(sentence), style="bold", highlight=False)


def notes(outcome: Outcome) -> list[str]:
    """What was measured, and how."""
    asked = ", ".join(f"{kind} {count}" for kind, count in outcome.questions.items())
    calm, lively = (f"{motion.speed:g} pixels a second" for motion in (STILL, LIVELY))
    return [
        (
            f"{PASSED} within {MAX_POINTS:g} point of the frames as they are; bytes/s: payloads and "
            f"references, {RATE} frames a second"
        ),
        (
            f"a request adds {outcome.overhead} bytes to every frame, however it is sent: the bundle's "
            "digest, "
            "a question, names"
        ),
        (
            f"{outcome.clips} clips of {outcome.seconds} s each; questions once a second: {asked}; 95%: "
            "bootstrap over "
            "clips"
        ),
        (
            f"slow scene: sensor noise, and one thing moves {calm}; moving scene: all move {lively}, the "
            f"camera sways {LIVELY.sway:g} "
            "pixels"
        ),
        "cut: from one slow scene to another in the middle",
        (
            "H.264: x264, zero latency, one key frame at the start; without container and the encoder's own "
            "description"
        ),
    ]


def _table(outcome: Outcome) -> Table:
    table = Table(
        title=f"{outcome.model}: what video costs, and what that loses",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("way", no_wrap=True)
    for kind in outcome.whole:
        for name in (f"{kind}\nbytes/s", "\nright", "\nchange", "\n95%", ""):
            table.add_column(name, justify="right", no_wrap=True)
    values = (("", f"{value:.1f}%", "", "", "") for value in outcome.whole.values())
    table.add_row("frames as they are", *(cell for cells in values for cell in cells))
    curve = ""
    for name in dict.fromkeys(row.name for row in outcome.rows):
        rows = [row for row in outcome.rows if row.name == name]
        if rows[0].curve != curve:
            table.add_row()
        curve = rows[0].curve
        table.add_row(escape(name), *(cell for row in rows for cell in _cells(row)))
    return table


def _cells(row: Row) -> list[str]:
    right = row.right
    changed = [f"{right.value:.1f}%", f"{right.change:+.1f}", f"{right.low:+.1f} to {right.high:+.1f}"]
    return [f"{row.rate:,.0f}", *changed, PASSED if row.passed else ""]
