"""`isthmus fleet simulate`: devices that are not there, until a signal."""

import argparse
from pathlib import Path

from cloud.fleet.commands.broker import add_broker, broker_of
from cloud.fleet.simulation.harms import parse_harm
from protos.terminal.arguments import number, seconds, share, whole
from protos.terminal.options import add_json

_EPILOG = """\
Each device has a connection of its own, and tells, obeys and refuses as a real one does. What it answers, and
how long that takes, follows from the cost model: its class of machine, its link, and the cut in force. A
change that does harm is planted by --harm, for a rollout to find:

  cut=vision.4,p95=+20%               answers by this cut take a fifth longer
  cut=connector,agreed=-2%            two points fewer of them are the whole model's
  class=Raspberry Pi 5,errors=+3%     more of that class's answers fail
  cut=vision.8,silent=+10%            a tenth of the devices at this cut tells nothing any more

examples:
  isthmus fleet simulate                                        # three devices, at the broker of this machine
  isthmus fleet simulate --devices 10000 --processes 2
  isthmus fleet simulate --devices 200 --telemetry 5s --harm "cut=vision.4,p95=+20%"
  isthmus fleet simulate --devices 1000 --traces traces --bundle bundle --duration 1h --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus fleet simulate`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--devices", type=whole(1, 100_000), default=3, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument("--fleet", default="default", metavar="NAME", help="(default: %(default)s)")
    parser.add_argument(
        "--prefix", default="simulated", metavar="NAME", help="of the devices' names (default: %(default)s)"
    )
    parser.add_argument(
        "--first", type=whole(0), default=0, metavar="N", help="number of the first (default: %(default)s)"
    )
    parser.add_argument(
        "--processes", type=whole(1, 64), default=1, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--duration", type=seconds("1s", "720h"), metavar="TIME", help="then end (default: until a signal)"
    )
    _add_behaviour(parser)
    add_broker(parser, "the devices")
    add_json(parser)
    parser.set_defaults(run=run)


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what devices do")
    group.add_argument(
        "--telemetry",
        type=seconds("1s", "24h"),
        default="30s",
        metavar="TIME",
        help="between windows (default: %(default)s)",
    )
    group.add_argument(
        "--rate",
        type=number(0, 1000, "answers a second"),
        default=0.5,
        metavar="N",
        help="answers a second (default: %(default)s)",
    )
    group.add_argument(
        "--failures",
        type=share("0%", "100%"),
        default="0.3%",
        metavar="SHARE",
        help="answers that fail anyway (default: %(default)s)",
    )
    group.add_argument(
        "--restart-every",
        type=seconds("0ms", "8760h"),
        default="12h",
        metavar="TIME",
        help="the mean time until a device's power fails; 0ms: never (default: %(default)s)",
    )
    group.add_argument("--harm", type=parse_harm, action="append", default=[], help="see below; repeatable")
    group.add_argument(
        "--traces", type=Path, metavar="DIR", help="links as recorded there (default: they are drawn)"
    )
    group.add_argument(
        "-b",
        "--bundle",
        type=Path,
        metavar="DIR",
        help="run by the devices, as its report says (default: a stand-in)",
    )
    group.add_argument("--seed", type=whole(0), default=0, metavar="N", help="(default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    """Simulate until a signal. Raises RequestError, BundleError."""
    import asyncio
    from dataclasses import asdict

    from cloud.fleet.simulation.fleet import Counts, SimulationConfig
    from cloud.fleet.simulation.processes import simulate
    from protos.files import json_of
    from protos.terminal.progress import progress

    config = SimulationConfig(
        broker_of(options),
        options.fleet,
        options.devices,
        options.first,
        options.prefix,
        options.seed,
        round(options.telemetry),
        options.rate,
        options.failures,
        options.restart_every,
        options.traces,
        options.bundle,
        tuple(options.harm),
    )
    last = Counts()
    with progress() as shown:
        shown.step("connecting", config.devices)

        def tell(counts: Counts) -> None:
            nonlocal last
            last = counts
            note = f"{counts.windows} windows told, {counts.waiting} wait"
            shown.update(counts.connected, config.devices, note)

        asyncio.run(simulate(config, options.processes, tell, options.duration))
    if options.json:
        print(json_of("fleet simulate", asdict(last)), end="")
