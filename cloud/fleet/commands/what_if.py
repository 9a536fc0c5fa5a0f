"""`isthmus fleet what-if`."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from cloud.fleet.commands.calling import add_controller, call, print_json
from cloud.fleet.commands.estimates import (
    add_classes,
    add_weights,
    arms,
    class_query,
    comparison,
    heading,
    unknown,
)
from cloud.fleet.commands.settings import add_settings, settings_fields
from protos.terminal.arguments import number

_EPILOG = """\
examples:
  isthmus fleet what-if --pin vision.4 --codec fitted-2
  isthmus fleet what-if --policy upload@webp-50 --link-class over-20
  isthmus fleet what-if --weights accuracy=80,bytes=5
  isthmus fleet what-if --other-bundle 3fa9 --max-loss 0.5
  isthmus fleet what-if --price-per-megabyte 0.01 --second-worth 0.002

Yesterday's telemetry is replayed with other settings, nothing is changed. First it is said how well the model
reproduces the day that was: calibrated on the even hours, held against the odd ones. Prices are in any money;
with --second-worth devices weigh bytes by their price, without it only the bill is told.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet what-if`."""
    parser.epilog = _EPILOG
    add_classes(parser)
    add_settings(parser)
    add_weights(parser)
    parser.add_argument(
        "--policy",
        default="auto",
        metavar="ROUTE",
        help="auto, or a way that all answers take: local, split@...",
    )
    parser.add_argument(
        "--other-bundle",
        default="",
        metavar="DIGEST",
        help="first digits, of one that the controller was given",
    )
    parser.add_argument("--price-per-megabyte", type=number(0, 1e9), metavar="MONEY", help="of what is sent")
    parser.add_argument("--second-worth", type=number(1e-9, 1e9), metavar="MONEY", help="of an answer's time")
    add_controller(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the controller refuses."""
    query = {**class_query(options), **options.weights, "settings": json.dumps(settings_fields(options))}
    query |= {"policy": options.policy, "bundle": options.other_bundle}
    for name in ("price_per_megabyte", "second_worth"):
        if (told := getattr(options, name)) is not None:
            query[name] = told
    found = call(options, "GET", "what-if", query=query)
    if options.json:
        print_json(found)
        return
    console = Console()
    for result in found["results"]:
        _tell(result, console)
    for line in unknown(found):
        print(line)


def _tell(result: Mapping[str, Any], console: Console) -> None:
    print(f"bundle {result['bundle'][:12]}: {_trust(result)}")
    groups = result["groups"]
    for group in groups[:1] if len(groups) == 2 else groups:  # one class is all there is
        print(heading(group))
        print(f"was {arms(group['was'])}; would be {arms(group['would'])}")
        console.print(comparison({"was": group["was"], "would be": group["would"]}, group["change"]))
        if bill := group.get("cost_a_day"):
            was, would = (bill[name]["value"] for name in ("was", "would"))
            print(f"sent a day for {was:.4g}, would be {would:.4g}")
    for line in unknown(result):
        print(line)


def _trust(result: Mapping[str, Any]) -> str:
    """How far to believe it."""
    model, choices = result["model"], result["choices"]
    if model["reproduces"] is None:
        return f"whether the model reproduces the measured day is not known: {model['reason']}"
    errors = ", ".join(f"{name} {one['error']:+.1%}" for name, one in model["measures"].items() if one)
    verb = "reproduces" if model["reproduces"] else "does NOT reproduce"
    single = f"the median device is off by {model['devices']['p50']:.1%}"
    words = f"the model {verb} the measured day ({errors}; {single})"
    if model["reason"]:
        words += f": {model['reason']}"
    if not choices["reproduces"]:
        words += f"; and of what devices choose by themselves it foresees only {choices['share']:.0%}"
    return words
