"""`isthmus fleet jobs`."""

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from cloud.fleet.commands.calling import (
    add_controller,
    add_selection,
    add_why,
    call,
    print_json,
    selection_fields,
)
from protos.terminal.arguments import seconds, whole

_EPILOG = """\
examples:
  isthmus fleet jobs list
  isthmus fleet jobs start camera-7 --task self-test --why "after the move"
  isthmus fleet jobs start --label site=berlin --task fetch --digest 3fa9... --url https://... --why "June"
  isthmus fleet jobs cancel 5f2c... --why "not today"
"""
_TASKS = ("fetch", "profile", "self-test", "diagnose", "restart")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet jobs` and its sub-commands."""
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="the newest", description="the newest")
    listing.add_argument("device", nargs="?", metavar="DEVICE")
    add_controller(listing)
    listing.set_defaults(run=_list)
    start = commands.add_parser("start", help="one on each device", description="one on each device")
    add_selection(start)
    start.add_argument("--task", required=True, choices=_TASKS)
    start.add_argument("--digest", default="", metavar="DIGEST", help="to fetch")
    start.add_argument("--url", default="", metavar="URL", help="where it is")
    start.add_argument(
        "--route",
        action="append",
        default=[],
        metavar="ROUTE",
        help="to test: local, split@CUT[/CODEC], ...; may be repeated (default: local, and each cut allowed)",
    )
    start.add_argument(
        "--pictures", type=whole(), default=0, metavar="N", help="to test on (default: all of the bundle's)"
    )
    start.add_argument("--timeout-of-task", type=seconds("1s", "24h"), default="1h", metavar="TIME")
    start.add_argument(
        "--expires", type=seconds("1s", "720h"), default="24h", metavar="TIME", help="not begun after that"
    )
    add_why(start)
    add_controller(start)
    start.set_defaults(run=_start)
    cancel = commands.add_parser("cancel", help="ask the device to", description="ask the device to")
    cancel.add_argument("job", metavar="ID")
    add_why(cancel)
    add_controller(cancel)
    cancel.set_defaults(run=_cancel)


def _list(options: argparse.Namespace) -> None:
    found = call(options, "GET", "jobs", query={"device": options.device or ""})
    _tell(options, found, found["jobs"])


def _start(options: argparse.Namespace) -> None:
    task: dict[str, Any] = {}
    if options.task == "fetch":
        task = {"bundle": {"digest": options.digest, "url": options.url}}
    elif options.task == "self-test":
        task = {"routes": options.route, "pictures": options.pictures}
    job = {options.task.replace("-", "_"): task, "timeout_seconds": round(options.timeout_of_task)}
    body = {"selection": selection_fields(options), "everything": options.all, "job": job}
    found = call(options, "POST", "jobs", {**body, "expires_seconds": options.expires, "why": options.why})
    if options.json:
        print_json(found)
    else:
        for device, name in found["jobs"].items():
            print(f"{device}: {name}")


def _cancel(options: argparse.Namespace) -> None:
    found = call(options, "POST", f"jobs/{options.job}/cancel", {"why": options.why})
    _tell(options, found, [found])


def _tell(options: argparse.Namespace, found: dict[str, Any], jobs: list[dict[str, Any]]) -> None:
    if options.json:
        print_json(found)
        return
    table = Table("job", "device", "task", "state", "progress", "result")
    for one in jobs:
        status = one["status"]
        table.add_row(
            one["id"],
            one["device"],
            one["task"],
            one["state"],
            f"{status.get('progress', 0):.0%}",
            status.get("reason") or shown_accuracies(status),
        )
    Console().print(table)


def shown_accuracies(status: dict[str, Any]) -> str:
    """Of a self-test: of how many answers by each route how many were right."""
    return ", ".join(
        f"{one['route']} {one.get('right', 0)}/{one.get('pictures', 0) - one.get('failed', 0)}"
        + (f" ({one['failed']} failed)" if one.get("failed") else "")
        for one in status.get("accuracies", ())
    )
