"""Estimates as operators read them, and options that `tune` and `what-if` share."""

import argparse
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from protos.errors import RequestError
from protos.terminal.arguments import seconds
from protos.terminal.units import format_rate, format_size, format_time

_HOUR = 3600.0
_WEIGHTS = ("latency", "accuracy", "bytes", "energy")
ROWS = {
    "milliseconds": "time, mean",
    "p50": "time, P50",
    "p95": "time, P95",
    "bytes": "bytes up",
    "joules": "joules",
    "accuracy": "accuracy",
    "cloud_milliseconds": "cloud time",
}
ShownEstimates = Mapping[str, Any]


def add_classes(parser: argparse.ArgumentParser) -> None:
    """--class, --link-class and --last."""
    group = parser.add_argument_group("which devices")
    group.add_argument(
        "--class", dest="of_class", default="", metavar="X", help="machine, as `isthmus fleet devices` shows"
    )
    group.add_argument(
        "--link-class",
        default="",
        choices=("under-1", "1-5", "5-20", "over-20"),
        help="by their uplink, in Mbit/s",
    )
    group.add_argument(
        "--last", type=seconds("1h", "48h"), default="24h", metavar="TIME", help="(default: %(default)s)"
    )


def add_weights(parser: argparse.ArgumentParser) -> None:
    """--weights NAME=NUMBER,..."""
    parser.add_argument(
        "--weights",
        type=weights,
        default={},
        metavar="NAME=N,...",
        help="what a millisecond (latency, default 1), a point of accuracy, a kilobyte (bytes) and a joule "
        "(energy) are worth; default: those in force",
    )


def weights(text: str) -> dict[str, float]:
    """Of the command line."""
    found = {}
    for pair in text.split(","):
        name, _, number = pair.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{pair!r} is no NAME=NUMBER, such as accuracy=50") from None
        if name not in _WEIGHTS:
            raise argparse.ArgumentTypeError(f"there is no weight {name!r}; give {', '.join(_WEIGHTS)}")
    return found


def class_query(options: argparse.Namespace) -> dict[str, Any]:
    """As the API takes it."""
    asked = {"class": options.of_class, "link_class": options.link_class}
    return {name: text for name, text in asked.items() if text} | {"hours": round(options.last / _HOUR)}


def heading(group: ShownEstimates) -> str:
    """Which devices a group has."""
    if not group["class"]:
        return f"all: {group['devices']} devices, {group['answers']} answers"
    link = group.get("link")
    words = f"{group['class']}, uplink {group['link_class']} Mbit/s: {group['devices']} devices"
    if not link:
        return words
    rate, trip = format_rate(link["uplink_bits_per_second"]), format_time(link["round_trip_milliseconds"])
    return f"{words}; the median one has {rate} and a round trip of {trip}"


def arms(told: ShownEstimates) -> str:
    """Which ways answers took, the most first."""
    few = list(told["arms"].items())[:3]
    more = len(told["arms"]) - len(few)
    words = ", ".join(f"{share:.0%} {name}" for name, share in few)
    return f"{words}{f' and {more} more' if more > 0 else ''}" or "no answers"


def comparison(columns: Mapping[str, ShownEstimates], change: ShownEstimates) -> Table:
    """Each measure in these columns, and by how much it changes."""
    table = Table("", *columns, "change, 95% interval")
    for name, words in ROWS.items():
        cells = [value(name, column[name]) for column in columns.values()]
        table.add_row(words, *cells, changed(name, change[name]))
    return table


def value(name: str, told: ShownEstimates | None) -> str:
    return "not known" if told is None else _format(name, told["value"])


def changed(name: str, told: ShownEstimates | None) -> str:
    """With its interval; what is not told apart from 0 says so."""
    if told is None:
        return "not known"
    low, high = (_signed(name, told[end]).removesuffix(" points") for end in ("low", "high"))
    words = f"{_signed(name, told['value'])} ({low} to {high})"
    return words if told["low"] > 0 or told["high"] < 0 or told["value"] == 0 else f"{words}: none known"


def unknown(found: ShownEstimates) -> list[str]:
    """A line for each class that nothing is known of."""
    return [
        f"not known: {', '.join(filter(None, (one.get('class'), one.get('link_class'))))}"
        f"{' ' if one.get('class') else ''}({one['reason']})"
        for one in found["not_known"]
    ]


def one_group(found: ShownEstimates, what: str) -> ShownEstimates:
    """The only group there is. Raises RequestError where there are others, or none."""
    groups = found["groups"]
    if len(groups) == 1:
        only: ShownEstimates = groups[0]
        return only
    if not groups:
        raise RequestError(
            f"nothing is known to {what}: {'; '.join(unknown(found)) or 'there are no devices'}"
        )
    named = "; ".join(f"--class '{one['class']}' --link-class {one['link_class']}" for one in groups[:10])
    raise RequestError(f"{len(groups)} classes are there to {what}, and a rollout is for one; give {named}")


def _format(name: str, number: float) -> str:
    if name == "bytes":
        return format_size(round(number))
    if name == "joules":
        return f"{number:.3g} J"
    return f"{number:.2f}%" if name == "accuracy" else format_time(number)


def _signed(name: str, number: float) -> str:
    if name == "accuracy":
        return f"{number:+.2f} points"
    words = _format(name, abs(number))
    return words if words.startswith("0 ") else f"{'-' if number < 0 else '+'}{words}"
