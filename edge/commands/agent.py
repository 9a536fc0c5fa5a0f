"""`isthmus edge run` and `isthmus edge check`: the agent, and whether its configuration is one."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protos.terminal.options import add_json

if TYPE_CHECKING:
    from edge.agent.observing.standing_answer import StandingAnswer

_RUN = """\
The agent watches its sources, asks each its standing questions, and answers applications on this device, day
and night. `isthmus edge check` says what is wrong with a configuration before anything runs.

examples:
  isthmus edge run agent.toml
  isthmus edge run agent.toml --json       # every answer as a line
  kill -HUP PID                            # read agent.toml again; models stay loaded where they can

SIGTERM and SIGINT end it in order, a second one at once. Answers go to standard output, what happens to
standard error. Under systemd (Type=notify) it says when it is ready, and answers the watchdog.
"""
_CHECK = """\
A file that is no configuration ends with status 3. Where it is one, and a folder, a device, a bundle or a
credential that it names is missing now, that is said, and the status is 1. Nothing is asked over a network.

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
    """Run until the end. Raises RequestError, BundleError."""
    import anyio

    from edge.agent.life.causes import cause
    from edge.agent.life.life import Life
    from edge.agent.life.memory import limit_arenas

    limit_arenas()
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    show = _show_json if options.json else _show
    try:
        anyio.run(Life(options.settings, [show]).run)
    except Exception as error:  # noqa: BLE001 - whatever it is, without the groups around it
        raise cause(error) from None


def check(options: argparse.Namespace) -> int:
    """The exit status. Raises RequestError."""
    from edge.agent.assembly.findings import findings
    from edge.agent.config.reading import read_settings
    from edge.agent.config.showing import as_json

    settings = read_settings(options.settings)
    found = findings(settings)
    if options.json:
        print(json.dumps({"settings": as_json(settings), "missing": found}))
    else:
        print(f"{options.settings} is an agent's configuration: {len(settings.source)} sources")
        for words in found:
            print(words)
    return 1 if found else 0


async def _show(seen: "StandingAnswer") -> None:
    print(f"{seen.frame.source} {seen.frame.sequence} {seen.question}: {seen.text}", flush=True)


async def _show_json(seen: "StandingAnswer") -> None:
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
