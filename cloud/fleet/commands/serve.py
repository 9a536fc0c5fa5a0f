"""`isthmus fleet serve`: the controller, until a signal."""

import argparse
from pathlib import Path

from cloud.commands.access import access_of, add_access
from cloud.fleet.commands.broker import add_broker, broker_of
from protos.packed import bundle_at
from protos.terminal.arguments import seconds

_EPILOG = """\
examples:
  isthmus fleet serve                                        # broker on this machine, fleet.db, port 7080
  isthmus fleet serve --mqtt mqtts://broker:8883 --mqtt-user controller --mqtt-password-file secret
  isthmus fleet serve --database postgresql://fleet@db/fleet # several controllers: one leads
  isthmus fleet serve --listen 0.0.0.0:7080 --tokens tokens --tls-cert fleet.pem --tls-key fleet.key

`isthmus cloud token anna --role viewer` makes tokens for --tokens: a viewer sees the fleet, an operator sets
devices and gives them jobs, an admin rolls out. Without --tokens whoever is on this machine may do all, and
nobody else anything. docs/fleet.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet serve`."""
    parser.epilog = _EPILOG
    parser.add_argument("--fleet", default="default", metavar="NAME", help="(default: %(default)s)")
    parser.add_argument(
        "--database",
        default="fleet.db",
        metavar="FILE|URL",
        help="SQLite in a file, or postgresql://USER@HOST/NAME (default: %(default)s)",
    )
    parser.add_argument(
        "--listen", default="127.0.0.1:7080", metavar="HOST:PORT", help="of the API (default: %(default)s)"
    )
    parser.add_argument(
        "--bucket",
        type=seconds("1s", "1h"),
        default="10min",
        metavar="TIME",
        help="telemetry is summed up by such spans, of which a rollout's health window has at least four "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "-b",
        "--bundle",
        action="append",
        type=Path,
        default=[],
        metavar="PLACE",
        help="a bundle that devices answer with, of which `isthmus fleet tune` and `what-if` read what each "
        "cut costs and loses; may be repeated",
    )
    parser.add_argument("--verbose", action="store_true", help="log what is going on, too")
    add_broker(parser, "the controller")
    add_access(parser, "controller")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Serve until a signal. Raises RequestError, CloudError."""
    import logging

    import anyio

    from cloud.config import listen_address
    from cloud.fleet.api.process import FleetConfig, serve_fleet
    from cloud.fleet.tuning.model import known_bundle

    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    config = FleetConfig(
        options.fleet,
        options.database,
        broker_of(options),
        listen_address(options.listen),
        access_of(options),
        options.bucket,
        tuple(known_bundle(bundle_at(place)) for place in options.bundle),
    )
    anyio.run(serve_fleet, config)
