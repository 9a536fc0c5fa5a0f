"""What the commands of an operator share: where the controller is, which devices, why, and one call."""

import argparse
import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from protos.connection.credentials import read_token
from protos.errors import CloudError, Conflict, IsthmusError, NotPermitted, RequestError, Unauthenticated
from protos.terminal.arguments import seconds
from protos.terminal.options import add_json

_DEFAULT = "http://127.0.0.1:7080"
_BY_STATUS: dict[int, type[IsthmusError]] = {401: Unauthenticated, 403: NotPermitted, 409: Conflict}


def add_controller(parser: argparse.ArgumentParser) -> None:
    """Where the controller is, and --json."""
    group = parser.add_argument_group("the controller")
    group.add_argument(
        "--controller",
        default=os.environ.get("ISTHMUS_CONTROLLER", _DEFAULT),
        metavar="URL",
        help=f"(default: $ISTHMUS_CONTROLLER, or {_DEFAULT})",
    )
    group.add_argument("--token-file", type=Path, metavar="FILE", help="holds the operator's token")
    group.add_argument("--ca", type=Path, metavar="FILE", help="whom to trust for its certificate")
    group.add_argument(
        "--timeout", type=seconds(), default="1min", metavar="TIME", help="(default: %(default)s)"
    )
    add_json(parser)


def add_why(parser: argparse.ArgumentParser) -> None:
    """--why TEXT, for the audit log."""
    parser.add_argument("--why", required=True, metavar="TEXT", help="the reason, for the audit log")


def add_selection(parser: argparse.ArgumentParser, *, everything: bool = True) -> None:
    """DEVICE..., --label, --class and others. `everything`: --all is asked for where nothing is selected."""
    parser.add_argument("device", nargs="*", metavar="DEVICE", help="devices by name")
    group = parser.add_argument_group("which devices", "those of which all of this is so")
    group.add_argument(
        "-l", "--label", action="append", default=[], metavar="KEY=VALUE", help="may be repeated"
    )
    for option, text in (
        ("--class", "machine, as `isthmus fleet devices` shows it"),
        ("--release", "version of Isthmus"),
        ("--running", "the first digits of the digest of the bundle in force"),
        ("--cut-now", "the cut that is pinned now"),
        ("--connection", "online, offline or unknown"),
    ):
        group.add_argument(
            option, dest=f"of_{option[2:].replace('-', '_')}", default="", metavar="X", help=text
        )
    if everything:
        group.add_argument("--all", action="store_true", help="every device of the fleet")


def selection_fields(options: argparse.Namespace) -> dict[str, Any]:
    """As the API takes it. Raises RequestError for a label that is none."""
    for pair in options.label:
        if "=" not in pair:
            raise RequestError(f"--label {pair!r} is no KEY=VALUE; give such as site=berlin")
    return {
        "devices": options.device,
        "labels": dict(pair.partition("=")[::2] for pair in options.label),
        "kind": options.of_class,
        "version": options.of_release,
        "bundle": options.of_running,
        "cut": options.of_cut_now,
        "connection": options.of_connection,
    }


class ControllerAccess(NamedTuple):
    """Where a controller is, who asks, whom they trust, and for how many seconds they wait."""

    address: str
    token_file: Path | None = None
    ca: Path | None = None
    timeout: float = 60.0

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What it answers. Raises what it refuses with, and CloudError where there is none."""
        import httpx

        try:
            with httpx.Client(verify=_trusted(self.ca), timeout=self.timeout) as client:
                reply = client.request(
                    method,
                    f"{self.address.rstrip('/')}/api/v1/{path}",
                    json=body,
                    params=query,
                    headers=_headers(self.token_file),
                )
                found = reply.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise CloudError(
                f"no controller answers at {self.address} ({error}); start it: isthmus fleet serve"
            ) from error
        return _accepted(reply.status_code, found)


def call(
    options: argparse.Namespace,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the controller that is named answers. Raises as `ask` does."""
    access = ControllerAccess(options.controller, options.token_file, options.ca, options.timeout)
    return access.ask(method, path, body, query)


def _accepted(status: int, found: Any) -> dict[str, Any]:
    if status != HTTPStatus.OK:
        words = str(found.get("error", {}).get("message", status))
        otherwise = RequestError if status < HTTPStatus.INTERNAL_SERVER_ERROR else CloudError
        raise _BY_STATUS.get(status, otherwise)(words)
    assert isinstance(found, dict)
    return found


def print_json(found: Mapping[str, Any]) -> None:
    print(json.dumps(found))


def _trusted(ca: Path | None) -> Any:
    import ssl

    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise RequestError(f"--ca {ca} is no certificate in PEM; give another file") from error


def _headers(token_file: Path | None) -> dict[str, str]:
    return {"authorization": f"Bearer {read_token(token_file)}"} if token_file else {}
