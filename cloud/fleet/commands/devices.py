"""`isthmus fleet devices` and `isthmus fleet show`."""

import argparse
import json
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from cloud.fleet.commands.calling import add_controller, add_selection, call, print_json, selection_fields
from protos.terminal.units import format_time

_LIST = """\
examples:
  isthmus fleet devices
  isthmus fleet devices --label site=berlin --connection online --json
"""
_SHOW = """\
examples:
  isthmus fleet show camera-7
  isthmus fleet show camera-7 --json
"""


def add_list(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet devices`."""
    parser.epilog = _LIST
    add_selection(parser, everything=False)
    add_controller(parser)
    parser.set_defaults(run=_list)


def add_show(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet show`."""
    parser.epilog = _SHOW
    parser.add_argument("device", metavar="DEVICE")
    add_controller(parser)
    parser.set_defaults(run=_show)


def _list(options: argparse.Namespace) -> None:
    fields = selection_fields(options)
    labels = [f"{key}={value}" for key, value in fields.pop("labels").items()]
    query = {name: value for name, value in fields.items() if value and name != "devices"}
    found = call(options, "GET", "devices", query={**query, "label": labels, "device": options.device})
    if options.json:
        print_json(found)
        return
    table = Table("device", "connection", "heard", "class", "bundle", "cut", "settings", "labels")
    for row in found["devices"]:
        table.add_row(
            row["name"],
            row["connection"],
            _ago(row["heard"]),
            row["kind"],
            row["bundle"][:12],
            row["cut"] or "auto",
            _settings(row),
            " ".join(f"{key}={value}" for key, value in row["labels"].items()),
        )
    Console().print(table)
    print(f"devices: {len(found['devices'])}")


def _show(options: argparse.Namespace) -> None:
    found = call(options, "GET", f"devices/{options.device}")
    if options.json:
        print_json(found)
        return
    print(f"{found['name']}: {found['connection']}, heard {_ago(found['heard'])}; {found['kind']}")
    print(f"Isthmus {found['version']}, bundle {found['bundle'][:12]}, cut {found['cut'] or 'auto'}")
    if found["refused"]:
        print(f"refused: {found['refused']}")
    reported = found["reported"].get("settings", {})
    print(f"desired, version {found['desired']['version']}:")
    print(json.dumps(found["desired"]["settings"], indent=2))
    if takeover := found["reported"].get("takeover"):
        print(_waiting(takeover))
    print(f"reported, version {found['reported'].get('version', 0)}:")
    print(json.dumps(reported, indent=2))


def _waiting(takeover: dict[str, Any]) -> str:
    """What the desired settings wait for."""
    failures, error = takeover.get("failures", 0), takeover.get("error", "")
    tried = f"; {failures} tries failed, the last: {error}" if failures else ""
    return f"  these wait for {takeover['waits_for']}{tried}"


def _settings(row: dict[str, Any]) -> str:
    """Whether what is wanted is in force."""
    wanted, reported = row["desired_version"] or 0, row["reported_version"]
    if row["refused"] and reported != wanted:
        return f"{reported}, refused {wanted}"
    if row["taking_over"]:
        return f"{reported}, taking over {wanted}"
    return f"{reported}" if reported == wanted or not wanted else f"{reported}, told {wanted}"


def _ago(at: float) -> str:
    return f"{format_time(1000 * max(time.time() - at, 0))} ago" if at else "never"
