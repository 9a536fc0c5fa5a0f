"""`isthmus fleet label`."""

import argparse

from cloud.fleet.commands.calling import (
    add_controller,
    add_selection,
    add_why,
    call,
    print_json,
    selection_fields,
)
from protos.errors import RequestError

_EPILOG = """\
examples:
  isthmus fleet label camera-7 camera-8 --set site=berlin --why "they were moved"
  isthmus fleet label --label site=berlin --remove site --why "the site is closed"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet label`."""
    parser.epilog = _EPILOG
    add_selection(parser)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="may be repeated")
    parser.add_argument("--remove", action="append", default=[], metavar="KEY", help="may be repeated")
    add_why(parser)
    add_controller(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the controller refuses."""
    if not options.set and not options.remove:
        raise RequestError("no label is given; --set KEY=VALUE, or --remove KEY")
    labels: dict[str, str | None] = dict.fromkeys(options.remove)
    labels |= dict(pair.partition("=")[::2] for pair in options.set)
    body = {"selection": selection_fields(options), "everything": options.all, "labels": labels}
    found = call(options, "POST", "labels", {**body, "why": options.why})
    if options.json:
        print_json(found)
    else:
        print(f"devices labelled: {len(found['devices'])}")
