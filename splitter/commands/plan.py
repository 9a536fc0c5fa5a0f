"""`isthmus plan`: what every cut and codec costs on a link, beside uploads and local answers, and which to
take.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from protos.bundle import Bundle
from protos.costs.cost import TYPICAL
from protos.costs.profile import DeviceProfile
from protos.terminal.arguments import milliseconds, number, rate
from protos.terminal.options import add_bundle, add_device_profile, add_json, add_max_loss, open_bundle
from protos.traces import Trace
from splitter.planning.links import Link, Recorded, Steady
from splitter.planning.page import check, save
from splitter.planning.plan import Demands, Plan, plan
from splitter.planning.tables import print_plan, record

_EPILOG = """\
The total is what the device's own policy predicts: head + encode + round trip + 8 bytes / uplink + cloud +
words. Preparing the picture is left out, being the same for every choice. Times of the cloud are those of
the machine that split the model; times of the device too, until --device names a profile measured there.

A trace has one line for each packet of 1500 bytes that may leave, in milliseconds (mahimahi's format), or is
a table of seconds,Mbit/s (CSV).
Times over it are exact over all instants at which a request may start; at its end it starts over.

examples:
  isthmus plan                                               # the built-in model, 2 Mbit/s, 60 ms
  isthmus plan --bundle bundle --uplink 64kbit/s --rtt 300ms --deadline 2s
  isthmus plan --explain                                     # why each other choice is not the one
  isthmus plan --bundle bundle --trace lte.up --rtt 50ms --deadline 500ms
  isthmus edge profile --bundle bundle -o jetson.json        # on the device; then here:
  isthmus plan --bundle bundle --device jetson.json --html plan.html
"""
_PIPED_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    add_bundle(parser)
    _add_link(parser)
    parser.add_argument(
        "--deadline", type=milliseconds(), metavar="TIME", help="what an answer may take, as 500ms or 2s"
    )
    add_device_profile(parser.add_argument)
    add_max_loss(parser.add_argument, "accuracy that may be lost beyond noise")
    parser.add_argument(
        "--tokens",
        type=number(1, 100_000, "tokens"),
        default=8.0,
        metavar="N",
        help="expected length of an answer (default: 8)",
    )
    parser.add_argument(
        "--explain", action="store_true", help="say of every choice why it is not the one to take"
    )
    add_json(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with pictures")
    parser.set_defaults(run=_run)


def _add_link(parser: argparse.ArgumentParser) -> None:
    link = parser.add_mutually_exclusive_group()
    link.add_argument(
        "--uplink",
        type=rate,
        default="2Mbps",
        metavar="RATE",
        help="steady, as 64kbit/s or 1.5Mbps (default: %(default)s)",
    )
    link.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="recorded uplink, instead of a steady one",
    )
    parser.add_argument(
        "--rtt",
        type=milliseconds("0ms"),
        default="60ms",
        metavar="TIME",
        help="round trip (default: %(default)s)",
    )


def _run(options: argparse.Namespace) -> None:
    if options.html:
        check(options.html)
    bundle = open_bundle(options.bundle)
    made = _plan(bundle, options)
    if options.html:
        save(options.html, made, bundle.manifest.model)
    if options.json:
        print(json.dumps({"bundle": bundle.digest, **record(made)}, indent=1))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    print_plan(made, console, explained=options.explain)
    if options.html:
        console.print(f"page: {options.html}", soft_wrap=True, highlight=False, markup=False)


def _plan(bundle: Bundle, options: argparse.Namespace) -> Plan:
    bundle.check_measured()
    device = (
        DeviceProfile.load(options.device, bundle) if options.device else DeviceProfile.from_bundle(bundle)
    )
    demands = Demands(options.deadline, options.max_loss, replace(TYPICAL, tokens=options.tokens))
    return plan(bundle.manifest, bundle.measurements, device, _link(options), demands)


def _link(options: argparse.Namespace) -> Link:
    if options.trace:
        return Recorded(Trace.read(options.trace), options.rtt, options.trace.name)
    return Steady(options.uplink, options.rtt)
