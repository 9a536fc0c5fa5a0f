"""`isthmus cloud token NAME`: a token for a device, and the line by which the service knows it."""

import argparse
import json
import os
from pathlib import Path

from cloud.identity.identity import DEFAULT_TENANT, ROLES, Identity
from cloud.identity.token_list import NewToken, new_token, read_token_lines
from protos.errors import RequestError

_EPILOG = """\
examples:
  isthmus cloud token camera-7                                  # prints the token, and the service's line
  isthmus cloud token camera-7 --tokens tokens > camera-7.token # appends the line, prints the token
  isthmus cloud token anna --role operator --tenant acme
  isthmus cloud token camera-7 --json

The service (`isthmus cloud serve --tokens FILE`) knows the line only: a hash of the token. The token is shown
this once; it goes into the device's --token-file, `chmod 600`. Take the line out, and the token is worth
nothing from then on. The file is read again when it changes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud token`."""
    parser.epilog = _EPILOG
    parser.add_argument("name", metavar="NAME", help="the device, or the person, who is to have it")
    parser.add_argument("--tenant", default=DEFAULT_TENANT, help="to whom it belongs (default: %(default)s)")
    parser.add_argument(
        "--role",
        default="device",
        choices=ROLES,
        help="device: ask; viewer: see the fleet too; operator: see what is loaded and set devices, too; "
        "admin: change what is loaded and roll out, too (default: %(default)s)",
    )
    parser.add_argument(
        "--tokens", type=Path, metavar="FILE", help="append the line to this file, which is made if need be"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises RequestError for a name that is none, or a file that cannot be appended to."""
    made = new_token(Identity.checked(options.tenant, options.name, options.role))
    if options.tokens:
        _append(options.tokens, made.line)
    if options.json:
        print(json.dumps(made._asdict()))
    elif options.tokens:
        print(made.token)
    else:
        _print(made)


def _append(path: Path, line: str) -> None:
    """Add a line to a list of tokens; a new one can be read by its owner only."""
    if path.exists():
        read_token_lines(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            before = file.read()
            separator = b"\n" if before and not before.endswith(b"\n") else b""
            file.write(separator + line.encode() + b"\n")
    except OSError as error:
        raise RequestError(
            f"--tokens {path} cannot be written ({error.strerror}); choose another place"
        ) from error


def _print(made: NewToken) -> None:
    print(f"token, shown this once, for the device's --token-file:\n{made.token}")
    print(f"line, for the file of `isthmus cloud serve --tokens FILE`:\n{made.line}")
