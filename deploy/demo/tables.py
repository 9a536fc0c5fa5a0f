"""The demonstration on a terminal: aligned tables."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.rig.outcomes import AUTO, Outcome
from deploy.demo.agent import words
from deploy.demo.fleet import words as fleet_words
from deploy.demo.gain import gain
from deploy.demo.record import Record, Summary, story
from protos.terminal.units import format_size, format_time

_LOOK: dict[str, Any] = {"title_justify": "left", "title_style": "bold", "box": box.SIMPLE_HEAD, "padding": 0}
_FIXED = 53  # columns of characters that names and numbers take
_COLOURS = {"right": "green", "wrong": "red", "failed": "bold red"}


def show(console: Console, record: Record) -> None:
    """Every request of the orchestrator, a summary of each link, what was gained, what the agent did, how it
    was measured.
    """
    console.print(_requests(record, console.width))
    console.print(_summary(record))
    for run in record.links:
        console.print(f"[bold]{run.name}[/]: {escape(story(run))}", highlight=False)
    console.print(f"[bold]{escape(gain(record))}[/]", highlight=False)
    if record.agent:
        console.print()
        console.print("[bold]The agent, with two cameras[/]")
        console.print(_facts(words.summary(record.agent)))
    if record.fleet:
        console.print()
        console.print("[bold]The fleet, and its operator[/]")
        console.print(_facts(fleet_words.summary(record.fleet)))
    console.print()
    console.print(_facts(record.setting, style="dim"))


def _requests(record: Record, width: int) -> Table:
    table = Table(title="Every request of the orchestrator (the report has those of the others)", **_LOOK)
    room = max(width - _FIXED, 22)
    route = min(max(room // 4, 7), 16)
    table.add_column("question", width=min((room - route) // 2, 45))
    table.add_column("strategy", no_wrap=True)
    table.add_column("answer", width=min((room - route) // 2, 60))
    table.add_column("route", overflow="fold", width=route)
    for column in ("bytes\nup", "as\nJPEG", "device\nms", "net\nms", "cloud\nms", "total\nms"):
        table.add_column(column, justify="right", no_wrap=True)
    for run in record.links:
        table.add_row(f"[bold]{run.name}[/]")
        for outcome in run.orchestrated:
            table.add_row(*_request(outcome), end_section=outcome is run.orchestrated[-1])
    return table


def _request(o: Outcome) -> list[str]:
    question = o.asked.question if o.strategy == AUTO else ""  # asked once, answered twice
    label = f"[{_COLOURS[o.verdict]}]{o.verdict}[/]" + ("" if o.failure else f": {escape(o.answer)}")
    texts = [escape(question), o.strategy, label, _way(o)]
    sizes = ["" if o.failure else str(o.bytes_up), str(o.asked.jpeg_bytes)]
    return [
        *texts,
        *sizes,
        *(f"{ms:.0f}" if ms else "" for ms in (o.device, o.network, o.cloud, o.milliseconds)),
    ]


def _way(o: Outcome) -> str:
    route = escape(o.route.removesuffix("/int8-zstd"))
    return f"{route} [dim]({o.told})[/]" if o.told else route


def _facts(facts: Mapping[str, str], style: str = "") -> Table:
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for label, value in facts.items():
        table.add_row(escape(label), escape(value), style=style)
    return table


def _summary(record: Record) -> Table:
    table = Table(title="Each strategy on each link: bytes and times of answered requests", **_LOOK)
    for column in ("link", "strategy"):
        table.add_column(column, no_wrap=True)
    for column in ("right", "failed", "bytes up, median", "time, median", "time, p95"):
        table.add_column(column, justify="right", no_wrap=True)
    for run in record.links:
        summaries = run.summaries
        for summary in summaries:
            table.add_row(
                run.name if summary is summaries[0] else "",
                summary.strategy,
                *_figures(summary),
                end_section=summary is summaries[-1],
            )
    return table


def _figures(s: Summary) -> list[str]:
    failed = s.asked - s.answered
    lost = f"[bold red]{failed}[/]" if failed else "0"
    if s.bytes_up is None or s.median_ms is None or s.p95_ms is None:
        return [f"{s.right}/{s.asked}", lost, "none", "none", "none"]
    return [
        f"{s.right}/{s.asked}",
        lost,
        format_size(s.bytes_up),
        format_time(s.median_ms),
        format_time(s.p95_ms),
    ]
