"""`isthmus fleet audit`."""

import argparse
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from cloud.fleet.commands.calling import add_controller, call, print_json
from protos.terminal.arguments import whole

_EPILOG = """\
examples:
  isthmus fleet audit
  isthmus fleet audit camera-7 --last 20 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet audit`."""
    parser.epilog = _EPILOG
    parser.add_argument("object", nargs="?", metavar="OBJECT", help="a device, or the id of a rollout")
    parser.add_argument(
        "--last", type=whole(1, 10_000), default=100, metavar="N", help="(default: %(default)s)"
    )
    add_controller(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the controller refuses."""
    found = call(options, "GET", "audit", query={"object": options.object or "", "limit": options.last})
    if options.json:
        print_json(found)
        return
    table = Table("when", "who", "what", "object", "why", "details")
    for one in found["audit"]:
        when = datetime.fromtimestamp(one["at"], UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, one["who"], one["what"], one["object"], one["why"], one["details"][:60])
    Console().print(table)
