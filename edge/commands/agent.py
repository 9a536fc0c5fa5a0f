"""`isthmus edge run` and `isthmus edge check`: the agent, and whether its configuration is one."""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import anyio
import msgspec

from edge.agent.assembly.agent import run_agent
from edge.agent.config.reading import read_settings
from edge.agent.observing.standing_answer import StandingAnswer
from protos.terminal.options import add_json

_RUN = """\
The agent watches its sources, asks each its standing questions, and answers applications on this device, day
and night. `isthmus edge check` says what is wrong with a configuration before anything runs.

examples:
  isthmus edge run agent.toml
  isthmus edge run agent.toml --json       # every answer as a line
"""
_CHECK = """\
examples:
  isthmus edge check agent.toml
  isthmus edge check agent.toml --json     # every setting, those that the file leaves out included
"""


def add_commands(commands: Any) -> None:
    """Describe them, among those of `isthmus edge`."""
    line = "run the agent: watch sources, answer applications, day and night"
    command = commands.add_parser("run", help=line, description=line, epilog=_RUN)
    command.add_argument("settings", type=Path, metavar="agent.toml", help="its configuration")
    command.add_argument("--json", action="store_true", help="print every answer as a line of JSON")
    command.set_defaults(run=run)
    line = "say what is wrong with an agent's configuration"
    command = commands.add_parser("check", help=line, description=line, epilog=_CHECK)
    command.add_argument("settings", type=Path, metavar="agent.toml", help="the configuration")
    add_json(command)
    command.set_defaults(run=check)


def run(options: argparse.Namespace) -> None:
    """Read the settings and run until the end. Raises RequestError, BundleError."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    show = _show_json if options.json else _show
    anyio.run(run_agent, read_settings(options.settings), [show])


def check(options: argparse.Namespace) -> None:
    """Read the settings. Raises RequestError."""
    settings = read_settings(options.settings)
    if options.json:
        print(msgspec.json.encode(settings, enc_hook=str).decode())
        return
    print(f"{options.settings} is an agent's configuration: {len(settings.source)} sources")


async def _show(seen: StandingAnswer) -> None:
    print(f"{seen.frame.source} {seen.frame.sequence} {seen.question}: {seen.text}", flush=True)


async def _show_json(seen: StandingAnswer) -> None:
    line = {
        "source": seen.frame.source,
        "frame": seen.frame.sequence,
        "taken": seen.frame.taken,
        "question": seen.question,
        "answer": seen.text,
        "route": seen.answer.route,
        "reused": seen.reused,
        "deferred": seen.deferred,
    }
    print(json.dumps(line), flush=True)
