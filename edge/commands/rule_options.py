"""The options by which an operator says what every answer has to obey, and what things are worth."""

import argparse
import dataclasses
from collections.abc import Callable

from protos.arms.rules import Rules
from protos.costs.weights import Weights
from protos.terminal.arguments import celsius, milliseconds, number, percent, size


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Describe them; `rules_of` reads them, and `options.weights` are the weights."""
    rules = parser.add_argument_group("rules")
    rules.add_argument(
        "--route", default="auto", metavar="ROUTE", help="force a way to answer (default: auto)"
    )
    rules.add_argument(
        "--deadline", type=milliseconds(), metavar="TIME", help="when the answer must be complete"
    )
    rules.add_argument(
        "--confidence",
        type=number(0, 1),
        default=0.95,
        metavar="P",
        help="the probability with which the deadline is to be met (default: %(default)s)",
    )
    rules.add_argument(
        "--never-upload", action="store_true", help="no picture leaves the device; features may"
    )
    rules.add_argument(
        "--never-leave-device", action="store_true", help="nothing leaves the device; beats every other rule"
    )
    rules.add_argument("--no-local", action="store_true", help="the device must not answer alone")
    rules.add_argument(
        "--max-loss",
        type=number(0, 100, "points of accuracy"),
        metavar="POINTS",
        help="no way that loses more against the whole model, beyond noise (default: any)",
    )
    rules.add_argument(
        "--cuts", type=_names, default=(), metavar="CUT,CUT", help="features are sent at no other cut"
    )
    rules.add_argument("--codec", default="", metavar="CODEC", help="features are sent by no other codec")
    add_weights(rules.add_argument)
    _add_device_rules(parser)


def add_weights(add: Callable[..., object]) -> None:
    """Describe `--weights` by an `add_argument`."""
    add(
        "--weights",
        type=_weights,
        default=Weights(),
        metavar="accuracy=TIME,kilobyte=TIME,joule=TIME",
        help="what a point of accuracy, a kilobyte sent and a joule of the device are worth, in time "
        "(default: accuracy=50ms,kilobyte=0ms,joule=0ms)",
    )


def _add_device_rules(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group("rules about the device")
    rules.add_argument(
        "--bytes-per-day",
        type=size,
        metavar="SIZE",
        help="what all requests of this device may send in a day of UTC, as 50MB",
    )
    rules.add_argument(
        "--battery-floor",
        type=percent,
        metavar="PERCENT",
        help="a battery below this, as 20%%, leaves only the ways of about the least energy",
    )
    rules.add_argument(
        "--temperature-ceiling",
        type=celsius,
        metavar="DEGREES",
        help="a device above this, as 85C, leaves only the ways that it works the least for",
    )


def _weights(text: str) -> Weights:
    """What things are worth, as `accuracy=50ms,kilobyte=2ms`; what is not named stays as it is."""
    fields = {"accuracy": "accuracy_point", "kilobyte": "kilobyte", "joule": "joule"}
    time_of = milliseconds("0ms")
    found = Weights()
    for part in text.split(","):
        name, equals, worth = part.partition("=")
        if name.strip() not in fields or not equals:
            raise argparse.ArgumentTypeError(
                f"{part.strip()!r} is no weight; write accuracy=50ms, kilobyte=2ms or joule=100ms, or "
                "several with commas"
            )
        found = dataclasses.replace(found, **{fields[name.strip()]: time_of(worth.strip())})
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def rules_of(options: argparse.Namespace) -> Rules:
    """The rules of a command line."""
    return Rules(
        deadline_ms=options.deadline,
        confidence=options.confidence,
        never_upload=options.never_upload,
        never_leave_device=options.never_leave_device,
        allow_local=not options.no_local,
        max_loss=options.max_loss,
        bytes_per_day=options.bytes_per_day,
        battery_floor=options.battery_floor,
        temperature_ceiling=options.temperature_ceiling,
        cuts=options.cuts,
        codec=options.codec,
        route=options.route,
    )
