"""What `isthmus bench video` prints: every candidate, the kinds of clip side by side, then the winners."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.codec.report.tables import PASSED
from bench.codec.report.verdict import MAX_POINTS
from bench.rig.console import plain_table, print_notes, print_sentences
from bench.video.clips import LIVELY, RATE, STILL
from bench.video.report import VideoReport, VideoResult
from bench.video.wire import WireResult


def show(report: VideoReport, console: Console) -> None:
    """The table, what it means, and a line for each kind of clip."""
    console.print(_table(report))
    print_notes(console, notes(report))
    if report.wire:
        console.print()
        console.print(_wire_table(report.wire))
        print_notes(console, _WIRE_NOTES)
    console.print()
    print_sentences(console, report.sentences)


def notes(report: VideoReport) -> list[str]:
    """What was measured, and how."""
    asked = ", ".join(f"{kind} {count}" for kind, count in report.questions.items())
    slow, fast = (f"{motion.speed:g} pixels a second" for motion in (STILL, LIVELY))
    return [
        (
            f"{PASSED} within {MAX_POINTS:g} point of the frames as they are; bytes/s: payloads and "
            f"references, {RATE} frames a second"
        ),
        (
            f"an Infer request adds {report.overhead} bytes to every frame: the bundle, a question, a "
            "secret; what the connection takes in all is below"
        ),
        (
            f"{report.clips} clips of {report.seconds} s each; questions once a second: {asked}; 95%: "
            "bootstrap over clips"
        ),
        (
            f"slow scene: sensor noise, and one thing moves {slow}; moving scene: all move {fast}, the "
            f"camera sways {LIVELY.sway:g} pixels"
        ),
        "cut: from one slow scene to another in the middle",
        (
            "H.264: x264, zero latency, one key frame at the start; without container and the encoder's own "
            "description"
        ),
    ]


_WIRE_NOTES = (
    (
        "bytes a frame on the TCP connection, the first frame left out: HTTP/2's frames and headers, window "
        "updates and pings, requests and answers; beside: up and down together without the payload"
    ),
    (
        "opening: beside the payload of the first frame, once for a stream; as before: frames of which the "
        "cloud said that, its model not run or saying the same; silent: so many of them have no reply"
    ),
)


def _wire_table(results: Sequence[WireResult]) -> Table:
    table = plain_table("what a frame takes on the wire, bytes", padding=2)
    for name in ("clip", "way"):
        table.add_column(name, no_wrap=True)
    for name in ("payload", "up", "down", "beside", "opening", "as before"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in results:
        numbers = (one.payload, one.up, one.down, one.beside)
        share = f"{100 * one.as_before:.0f}%" if "a reply a frame" in one.way else ""
        table.add_row(one.kind, one.way, *(f"{number:.1f}" for number in numbers), f"{one.opening}", share)
    return table


def _table(report: VideoReport) -> Table:
    table = plain_table(f"{report.model}: what video costs, and what that loses")
    table.add_column("way", no_wrap=True)
    for kind in report.whole:
        for name in (f"{kind}\nbytes/s", "\nright", "\nchange", "\n95%", ""):
            table.add_column(name, justify="right", no_wrap=True)
    values = (("", f"{value:.1f}%", "", "", "") for value in report.whole.values())
    table.add_row("frames as they are", *(cell for cells in values for cell in cells))
    curve = ""
    for name in dict.fromkeys(result.name for result in report.results):
        results = [result for result in report.results if result.name == name]
        if results[0].curve != curve:
            table.add_row()
        curve = results[0].curve
        table.add_row(escape(name), *(cell for result in results for cell in _cells(result)))
    return table


def _cells(result: VideoResult) -> list[str]:
    right = result.right
    changed = [f"{right.value:.1f}%", f"{right.change:+.1f}", f"{right.low:+.1f} to {right.high:+.1f}"]
    return [f"{result.rate:,.0f}", *changed, PASSED if result.passed else ""]
