"""`isthmus simulate`: its arguments."""

import argparse
from dataclasses import asdict
from pathlib import Path

from bench.rig.arguments import add_figures
from bench.rig.console import wide_console
from bench.simulate import page, tables
from bench.simulate.measure import Sweep, named_kinds, policy_kinds, simulate
from bench.simulate.requests import Demand
from bench.simulate.results import overall
from edge.commands.rule_options import add_weights
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError
from protos.files import check_file, json_of, write_file
from protos.terminal.arguments import milliseconds, number, seconds, whole
from protos.terminal.options import add_bundle, add_device_profile, add_max_loss, open_bundle
from protos.terminal.progress import progress
from protos.traces import Trace

COMMAND = "simulate"
_EPILOG = """\
The code that decides and learns is the device's own; processor, link and cloud are simulated, event by event.
The processor does one thing at a time, the link sends first come, first served, and a call that is given up
takes its unsent bytes along. Requests overlap unless --in-flight says otherwise: one orchestrator has one.
Times are the bundle's, of the machine that split it, or those of --device; the wire's own headers are left
out.

--check plays a minute of the first trace through an emulated link, with the real client and service on this
machine, and says how far the simulation of the same requests is off. Let nothing else run meanwhile.

A trace has one line for each packet of 1500 bytes that may leave, in milliseconds (mahimahi's format), or is
a table of seconds,Mbit/s (CSV). A run begins at a random place of it, and at its end it starts over.

examples:
  isthmus simulate --trace lte.up                                   # the built-in model, a request a second
  isthmus simulate --trace lte.up umts.up --device-slower 1 4 16 --rate 0.2 1 5
  isthmus simulate --trace lte.up --bundle bundle --deadline 500ms --no-local --html simulation.html
  isthmus simulate --trace lte.up --policy isthmus best-fixed --for 10min --json
  isthmus simulate --trace lte.up --rate 2 --check
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus simulate`."""
    parser.epilog = _EPILOG
    add_bundle(parser)
    _add_link(parser)
    _add_machines(parser)
    _add_requests(parser)
    parser.add_argument(
        "--policy",
        nargs="+",
        choices=[kind.name for kind in policy_kinds()],
        default=[],
        metavar="NAME",
        help="; ".join(f"{kind.name}: {kind.words}" for kind in policy_kinds()) + " (default: all)",
    )
    parser.add_argument("--check", action="store_true", help="hold the simulator against a real run")
    add_figures(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    parser.set_defaults(run=_run)


def _add_link(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the link")
    group.add_argument(
        "--trace", type=Path, nargs="+", required=True, metavar="FILE", help="recorded uplinks, a case each"
    )
    group.add_argument(
        "--rtt",
        dest="round_trip",
        type=seconds("0ms"),
        default="50ms",
        metavar="TIME",
        help="round trip, beside what the bytes take (default: %(default)s)",
    )


def _add_machines(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("device and cloud")
    add_device_profile(group.add_argument)
    group.add_argument(
        "--device-slower",
        type=number(0.001, 1000, "times"),
        nargs="+",
        default=[1.0],
        metavar="N",
        help="a device on which all takes N times as long, a case each (default: 1)",
    )
    group.add_argument(
        "--cloud-faster",
        type=number(0.001, 1000, "times"),
        default=1.0,
        metavar="N",
        help="a cloud that takes one N-th of the time (default: 1)",
    )
    group.add_argument(
        "--in-flight",
        type=whole(),
        metavar="N",
        help="requests that the device has under way at once (default: any number)",
    )
    group.add_argument(
        "--servers",
        type=whole(),
        default=4,
        metavar="N",
        help="requests that the cloud works on at once (default: %(default)s)",
    )


def _add_requests(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("requests")
    group.add_argument(
        "--rate",
        type=number(0.001, 1000, "requests a second"),
        nargs="+",
        default=[1.0],
        metavar="N",
        help="a second, on average, a case each (default: 1)",
    )
    group.add_argument(
        "--periodic", action="store_true", help="at equal distances (default: a Poisson process)"
    )
    group.add_argument(
        "--for",
        dest="length",
        type=seconds("1s", "24h"),
        metavar="TIME",
        help="how long requests come (default: as long as the trace)",
    )
    group.add_argument(
        "--deadline", type=milliseconds(), metavar="TIME", help="when an answer must be complete"
    )
    group.add_argument("--no-local", action="store_true", help="the device must not answer alone")
    add_max_loss(group.add_argument, "no policy takes an arm that loses more accuracy beyond noise")
    add_weights(group.add_argument)
    group.add_argument(
        "--tokens",
        type=number(1, 100_000, "tokens"),
        default=8.0,
        metavar="N",
        help="mean length of an answer (default: 8)",
    )
    group.add_argument(
        "--noise",
        type=number(0, 2),
        default=0.0,
        metavar="SD",
        help="standard deviation of the logarithm of what work takes (default: 0)",
    )
    group.add_argument(
        "--seed", type=whole(0), default=0, metavar="N", help="another draw of the requests (default: 0)"
    )


def _run(options: argparse.Namespace) -> None:
    """Simulate and report. Raises RequestError, BundleError."""
    _check_places(options)
    bundle = open_bundle(options.bundle)
    bundle.check_measured()
    if options.check:
        _check(bundle, options)
        return
    device = (
        DeviceProfile.load(options.device, bundle) if options.device else DeviceProfile.from_bundle(bundle)
    )
    sweep, kinds = _sweep(options), named_kinds(options.policy)
    with progress() as shown:
        shown.step("simulating", sweep.count * len(kinds))
        cases = simulate(bundle, device, sweep, kinds, lambda name: shown.advance(note=name))
    figures = {
        "bundle": bundle.digest,
        "device": device.machine,
        "setting": _setting(options),
        "cases": [case.record() for case in cases],
        "overall": [asdict(one) for one in overall(cases)],
    }
    text = json_of(COMMAND, figures)
    if options.output:
        write_file(options.output, text, COMMAND)
    if options.html:
        page.save(options.html, cases, kinds, sweep, bundle.manifest.model)
    if options.json:
        print(text, end="")
    else:
        tables.show(cases, kinds, wide_console())


def _check(bundle: Bundle, options: argparse.Namespace) -> None:
    """Play and simulate. Raises CloudError, RequestError."""
    from bench.simulate.check import check

    trace, rate = Trace.read(options.trace[0]), options.rate[0]
    with progress() as shown:
        shown.step("playing", 2)
        found = check(bundle, trace, rate, options.round_trip, lambda name: shown.advance(note=name))
    text = json_of(COMMAND, {"check": [{**asdict(one), "off": one.off} for one in found]})
    if options.output:
        write_file(options.output, text, COMMAND)
    if options.json:
        print(text, end="")
    else:
        wide_console().print(tables.check_table(found))


def _check_places(options: argparse.Namespace) -> None:
    """Raises RequestError now for files that cannot be written later."""
    if options.output:
        check_file(options.output, COMMAND)
    if options.html:
        page.check(options.html)
    if options.output and options.html and options.output.resolve() == options.html.resolve():
        raise RequestError(f"{options.html} is to hold figures and a page; give each a name of its own")


def _sweep(options: argparse.Namespace) -> Sweep:
    traces = {path.name: Trace.read(path) for path in options.trace}
    if len(traces) < len(options.trace):
        raise RequestError("two traces have the same file name; give each a name of its own")
    return Sweep(
        traces=traces,
        device_slower=options.device_slower,
        rates=options.rate,
        round_trip=options.round_trip,
        deadline_ms=options.deadline,
        seconds=options.length,
        cloud_faster=options.cloud_faster,
        servers=options.servers,
        in_flight=options.in_flight,
        max_loss=options.max_loss,
        allow_local=not options.no_local,
        weights=options.weights,
        demand=Demand(
            1.0, 1.0, tokens=options.tokens, periodic=options.periodic, noise=options.noise, seed=options.seed
        ),
    )


def _setting(options: argparse.Namespace) -> dict[str, object]:
    names = (
        "round_trip",
        "deadline",
        "cloud_faster",
        "servers",
        "in_flight",
        "max_loss",
        "tokens",
        "noise",
        "seed",
    )
    flags = {
        "periodic": options.periodic,
        "local": not options.no_local,
        "seconds": options.length,
        "weights": asdict(options.weights),
    }
    return {name: getattr(options, name) for name in names} | flags
