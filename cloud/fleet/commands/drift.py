"""`isthmus fleet drift`."""

import argparse
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from cloud.fleet.commands.calling import add_controller, call, print_json
from protos.terminal.arguments import seconds, share

_EPILOG = """\
examples:
  isthmus fleet drift
  isthmus fleet drift --last 2h --before 24h --false-share 5% --json

Local stages are held against the device's own profile; its link, the bytes of an answer, and how often
answers agree with the whole model's, against the same device --before. Each is compared with its class: what
all have in common is told of the class. Of many devices some always look odd: at most --false-share of what
is listed is so by chance, on average (Benjamini and Hochberg). Less than 10% worse is never listed.
"""
_HOUR = 3600.0
_SHOWN = 50
_WORDS = {
    "local": "local stages take {value:.2f} times the profile's (class {class:.2f})",
    "link": "exchanges take {value:.2f} times what they took (class {class:.2f})",
    "bytes": "bytes an answer differ by {value:.2f} times (class {class:.2f})",
    "agreement": "{value:.1%} fewer answers agree (class {class:.1%})",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet drift`."""
    parser.epilog = _EPILOG
    for option, default, text in (
        ("--last", "6h", "in which it shows"),
        ("--before", "24h", "of what it is held against"),
    ):
        parser.add_argument(
            option,
            type=seconds("1h", "47h"),
            default=default,
            metavar="TIME",
            help=f"{text} (default: %(default)s)",
        )
    parser.add_argument(
        "--false-share",
        type=share("0.01%", "50%"),
        default="10%",
        metavar="SHARE",
        help="of what is listed (default: %(default)s)",
    )
    add_controller(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the controller refuses."""
    query = {
        "hours": round(options.last / _HOUR),
        "before": round(options.before / _HOUR),
        "rate": 100 * options.false_share,
    }
    found = call(options, "GET", "drift", query=query)
    if options.json:
        print_json(found)
        return
    for result in found["results"]:
        _tell(result)
    for one in found["not_known"]:
        print(f"not known: {one['reason']}")


def _tell(result: Mapping[str, Any]) -> None:
    if result["devices"]:
        table = Table("device", "class", "likely cause", "evidence")
        for one in result["devices"][:_SHOWN]:
            table.add_row(one["device"], one["class"], one["cause"], _evidence(one))
        Console().print(table)
    for one in result["classes"]:
        print(f"all of {one['class']}: {_WORDS[one['measure']].split(' (')[0].format(**one)}")
    print(
        f"{result['found']} of {result['judged']} devices drift; {result['not_judged']} told too little, or "
        "have too few beside them"
    )


def _evidence(one: Mapping[str, Any]) -> str:
    evidence = one["evidence"]
    words = _WORDS[one["measure"]].format(**evidence[one["measure"]])
    if one["measure"] != "local" or evidence["temperature"] is None:
        return words
    before = evidence["temperature_before"]
    return f"{words}; {evidence['temperature']:g} °C{'' if before is None else f', before {before:g} °C'}"
