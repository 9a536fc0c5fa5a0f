"""`isthmus edge events LOG`: what an agent has seen."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.agent.events.log.reading import LoggedEvent, read_events, read_thumbnail
from protos.files import write_file
from protos.terminal.arguments import seconds
from protos.terminal.options import add_json

_EPILOG = """\
An agent keeps its events in the file that [event-log] names. Where a sink has not taken one yet, its name
stands beside it. The agent may be running.

examples:
  isthmus edge events events.db
  isthmus edge events events.db --since 15min --json
  isthmus edge events events.db --thumbnail 0f2c6d9b8a7e4f5c9d0e1f2a3b4c5d6e -o seen.jpg
"""


def add_command(commands: Any) -> None:
    """Describe it, among those of `isthmus edge`."""
    line = "what an agent has seen: its log of events"
    command = commands.add_parser("events", help=line, description=line, epilog=_EPILOG)
    command.add_argument(
        "log", type=Path, metavar="LOG", help="the file that [event-log] of agent.toml names"
    )
    command.add_argument(
        "--since",
        type=seconds("1s", "87600h"),
        default="24h",
        metavar="TIME",
        help="events of this time until now (default: %(default)s)",
    )
    command.add_argument("--thumbnail", metavar="ID", help="write the picture of an event, a JPEG, with -o")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="where the picture is written")
    add_json(command)
    command.set_defaults(run=run, parser=command)


def run(options: argparse.Namespace) -> None:
    """Read and print. Raises RequestError."""
    if bool(options.thumbnail) != bool(options.output):
        options.parser.error("--thumbnail ID goes with -o FILE; give both")
    if options.thumbnail:
        write_file(options.output, read_thumbnail(options.log, options.thumbnail), None)
        return
    found = read_events(options.log, time.time() - options.since)
    if options.json:
        print(json.dumps({"events": [_fields(logged) for logged in found]}, indent=1))
        return
    console = Console()
    if found:
        console.print(_table(found))
    console.print(f"{len(found)} events", highlight=False)


def _fields(logged: LoggedEvent) -> dict[str, Any]:
    fields = {"waiting": logged.waiting, "thumbnail": logged.thumbnail}
    return {**msgspec.to_builtins(logged.event), **fields}


def _table(found: list[LoggedEvent]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("when", "source", "event", "", "answer", "id", "waits for"):
        table.add_column(column, overflow="fold")
    for event, waiting, _ in found:
        when = event.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        cells = (when, event.source, event.event, event.phase, event.text, event.id, ", ".join(waiting))
        table.add_row(*(Text(cell) for cell in cells))
    return table
