"""`isthmus fleet tune`."""

import argparse
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from cloud.fleet.commands.calling import add_controller, call, print_json
from cloud.fleet.commands.estimates import (
    add_classes,
    add_weights,
    arms,
    class_query,
    comparison,
    heading,
    one_group,
    unknown,
    value,
)
from protos.errors import RequestError
from protos.terminal.arguments import percent

_EPILOG = """\
examples:
  isthmus fleet tune                                         # by the weights in force
  isthmus fleet tune --weights accuracy=50,bytes=20 --min-accuracy 90%
  isthmus fleet tune --class "Orin Nano" --link-class under-1 --points
  isthmus fleet tune --class "Orin Nano" --link-class under-1 --apply --why "it saves a third of the time"

What devices told of their answers calibrates the cost model that they decide by; the model says what every
other cut, codec and way would have been. Intervals are over devices: a class of fewer than five, and one
whose link nobody has used, is told as not known. --apply starts a rollout, whose guards allow what is
foreseen and no more. The controller has to be given the bundle: isthmus fleet serve --bundle PLACE.
docs/fleet.md tells how it is known.
"""
_POINTS = ("milliseconds", "p95", "bytes", "joules", "accuracy", "cloud_milliseconds")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet tune`."""
    parser.epilog = _EPILOG
    add_classes(parser)
    add_weights(parser)
    parser.add_argument(
        "--min-accuracy", type=percent, metavar="SHARE", help="of the report: less is not recommended"
    )
    parser.add_argument("--points", action="store_true", help="every cut, codec and way, too")
    parser.add_argument(
        "--apply", action="store_true", help="start a rollout of it; give one class, and --why"
    )
    parser.add_argument("--why", metavar="TEXT", help="the reason, for the audit log")
    add_controller(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the controller refuses."""
    if options.apply and not options.why:
        raise RequestError("--apply starts a rollout; say --why, for the audit log")
    query = {**class_query(options), **options.weights, "names": int(options.apply)}
    if options.min_accuracy is not None:
        query["min_accuracy"] = options.min_accuracy
    found = call(options, "GET", "tune", query=query)
    if options.apply:
        _apply(options, one_group(found, "apply"))
    elif options.json:
        print_json(found)
    else:
        _tell(found, points=options.points)


def _apply(options: argparse.Namespace, group: Mapping[str, Any]) -> None:
    share = group["today"]["arms"].get(group["best"], 0.0)
    if share == 1:
        raise RequestError(f"all answers of that class come by {group['best']} already; nothing is started")
    body = {
        "selection": {"devices": group["names"]},
        "settings": group["settings"],
        "plan": {"guards": group["guards"]} if group["guards"] else {},
        "why": options.why,
    }
    started = call(options, "POST", "rollouts", body)
    if options.json:
        print_json({"rollout": started, "group": {**group, "names": len(group["names"])}})
        return
    _tell_group(group, Console())
    for name, bound in group["guards"].items():
        print(f"guard {name}: {'off' if bound is None else f'{bound:.1%}'}, as that is foreseen")
    name = started["id"]
    print(f"rollout {name} of {started['devices']} devices; isthmus fleet rollout status {name}")


def _tell(found: Mapping[str, Any], *, points: bool) -> None:
    console = Console()
    for group in found["groups"]:
        _tell_group(group, console)
        if points:
            console.print(_points(group))
    for line in unknown(found):
        print(line)


def _tell_group(group: Mapping[str, Any], console: Console) -> None:
    print(heading(group))
    print(f"today {arms(group['today'])}; best {group['best']}: {arms(group['expected'])}")
    columns = {"today": group["today"], "best": group["expected"]}
    console.print(comparison(columns, group["expected"]["change"]))


def _points(group: Mapping[str, Any]) -> Table:
    """By score. What no device of the class has answered by, the model alone knows."""
    points = sorted(group["points"], key=lambda one: one["score"]["value"])
    wide = max((len(point["name"]) for point in points), default=0)
    table = Table(
        Column("way", no_wrap=True, min_width=wide),
        *("time", "P95", "bytes", "joules", "accuracy", "cloud", "answers"),
        padding=0,
    )
    for point in points:
        name = point["name"] + ("" if point["possible"] == 1 else f" ({point['possible']:.0%} of devices)")
        measures = (value(measure, point[measure]) if point[measure] else "-" for measure in _POINTS)
        table.add_row(name, *measures, str(point["answers"]))
    return table
