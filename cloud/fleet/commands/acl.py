"""`isthmus fleet acl`."""

import argparse
import sys

from cloud.fleet.broker.acl import mosquitto_acl
from cloud.fleet.commands.calling import print_json
from protos.terminal.options import add_json

_EPILOG = """\
Every device connects as a user who is called as the device is: by a password, or by its certificate with
use_identity_as_username. In mosquitto.conf:
  allow_anonymous false
  password_file /etc/mosquitto/passwords
  acl_file /etc/mosquitto/fleet.acl

example:
  isthmus fleet acl --fleet plant-7 > /etc/mosquitto/fleet.acl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet acl`."""
    parser.epilog = _EPILOG
    parser.add_argument("--fleet", required=True, metavar="NAME", help="as in `isthmus fleet serve`")
    parser.add_argument(
        "--controller", default="controller", metavar="USER", help="the controller's (default: %(default)s)"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises RequestError for names that are none."""
    acl = mosquitto_acl(options.fleet, options.controller)
    if options.json:
        print_json({"acl": acl})
    else:
        sys.stdout.write(acl)
