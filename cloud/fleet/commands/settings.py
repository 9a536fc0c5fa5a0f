"""`isthmus fleet set`: the settings of devices; and the options by which settings are given."""

import argparse
import json
from pathlib import Path
from typing import Any

from cloud.fleet.commands.calling import (
    add_controller,
    add_selection,
    add_why,
    call,
    print_json,
    selection_fields,
)
from protos.errors import RequestError
from protos.terminal.arguments import celsius, milliseconds, number, percent, size

_EPILOG = """\
examples:
  isthmus fleet set camera-7 --pin vision.4 --codec int8-zstd --why "the link is slow"
  isthmus fleet set --label site=berlin --deadline 800ms --why "as agreed with the site"
  isthmus fleet set camera-7 --clear cuts.pinned --why "back to the policy's choice"
  isthmus fleet set --all --settings settings.json --why "new defaults"

All of the devices are changed, or none: a change that a device cannot do, or that leaves it no way to answer,
is refused with the devices' names. Of many devices `isthmus fleet rollout` is the careful way.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet set`."""
    parser.epilog = _EPILOG
    add_selection(parser)
    add_settings(parser)
    parser.add_argument(
        "--clear",
        action="append",
        default=[],
        metavar="FIELD",
        help="such as cuts.pinned: as agent.toml says again",
    )
    parser.add_argument(
        "--expected",
        type=int,
        metavar="VERSION",
        help="refuse where the one device's settings have another version by now",
    )
    add_why(parser)
    add_controller(parser)
    parser.set_defaults(run=run)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """What may be wished of devices, by options or as JSON."""
    group = parser.add_argument_group("settings", "FleetSettings of protos/fleet.proto")
    group.add_argument(
        "--settings", type=Path, metavar="FILE", help="all of them, as JSON; options go over it"
    )
    group.add_argument("--pin", metavar="CUT", help="splits are at this cut alone")
    group.add_argument("--codec", metavar="NAME", help="of the pinned cut")
    group.add_argument("--allow", action="append", metavar="CUT", help="cuts allowed; may be repeated")
    group.add_argument("--digest", metavar="DIGEST", help="the bundle to answer with, 64 digits")
    group.add_argument("--bundle-url", metavar="URL", help="where it is (default: as agent.toml says)")
    group.add_argument("--deadline", type=milliseconds(), metavar="TIME", help="of an answer")
    group.add_argument("--max-loss", type=number(0, 100, "points"), metavar="POINTS", help="of accuracy")
    group.add_argument("--bytes-per-day", type=size, metavar="SIZE", help="sent, at most")
    group.add_argument("--battery-floor", type=percent, metavar="SHARE", help="below it, it spares energy")
    group.add_argument(
        "--temperature-ceiling", type=celsius, metavar="TEMPERATURE", help="above it, likewise"
    )
    group.add_argument(
        "--local",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the device may answer alone",
    )
    group.add_argument("--telemetry", type=int, metavar="SECONDS", help="from one window to the next")
    group.add_argument(
        "--agreement",
        type=percent,
        metavar="SHARE",
        help="of answers that are compared with the whole model's",
    )
    group.add_argument(
        "--agreement-bytes", type=size, metavar="SIZE", help="sent for that in an hour, at most"
    )


def settings_fields(options: argparse.Namespace) -> dict[str, Any]:
    """As JSON of FleetSettings. Raises RequestError for a file that is none."""
    found = _file(options.settings) if options.settings else {}
    given = {
        ("cuts", "pinned"): options.pin,
        ("cuts", "codec"): options.codec,
        ("cuts", "allowed"): options.allow,
        ("bundle", "digest"): options.digest,
        ("bundle", "url"): options.bundle_url,
        ("rules", "deadline_milliseconds"): options.deadline,
        ("rules", "max_loss"): options.max_loss,
        ("rules", "bytes_per_day"): options.bytes_per_day,
        ("rules", "battery_floor"): options.battery_floor,
        ("rules", "temperature_ceiling"): options.temperature_ceiling,
        ("rules", "local"): options.local,
    }
    for (group, name), value in given.items():
        if value is not None:
            found.setdefault(group, {})[name] = value
    alone = {
        "telemetry_seconds": options.telemetry,
        "agreement_percent": options.agreement,
        "agreement_bytes_per_hour": options.agreement_bytes,
    }
    return found | {name: value for name, value in alone.items() if value is not None}


def run(options: argparse.Namespace) -> None:
    """Raises what the controller refuses."""
    expected = {}
    if options.expected is not None:
        if len(options.device) != 1:
            raise RequestError("--expected is of one device; name it")
        expected = {options.device[0]: options.expected}
    body = {
        "selection": selection_fields(options),
        "everything": options.all,
        "settings": settings_fields(options),
        "clear": options.clear,
        "expected": expected,
        "why": options.why,
    }
    found = call(options, "POST", "set", body)
    if options.json:
        print_json(found)
    else:
        print(f"devices told: {len(found['versions'])}; isthmus fleet devices shows what they report")


def _file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"--settings {path} is no JSON that can be read; give another file") from error
    if not isinstance(found, dict):
        raise RequestError(f"--settings {path} holds no JSON object; give one")
    return found
