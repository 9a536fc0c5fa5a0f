"""`isthmus bench service`: its arguments."""

import argparse
import os
from dataclasses import asdict

from bench.rig.arguments import add_count, add_figures
from bench.rig.figures import check_places, publish
from bench.service.kinds import KINDS
from cloud.config import DEVICES, ENGINES, PROCESS
from protos.config import wait_quietly
from protos.terminal.arguments import seconds, whole
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress

_EPILOG = """\
Four contenders are started on loopback: isthmus cloud serve, itself without batching, a plain grpc.aio server
around transformers' generate, and the model alone in process, in perfect batches, as the bound. Devices are
processes with a connection each. All contenders are measured in turns, with the same threads and dtype.

examples:
  isthmus bench service
  isthmus bench service --devices 16 --rounds 1 --duration 2s
  isthmus bench service --only mixed --only again
  isthmus bench service --bundle bundle --tokens 32 -o service.json
"""
_DEVICES = (1, 4, 16, 64)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench service`."""
    command.epilog = _EPILOG
    add_bundle(command)
    command.add_argument(
        "--only",
        action="append",
        choices=KINDS,
        metavar="KIND",
        help=f"of what is asked, and once more for each further kind (default: all of {', '.join(KINDS)})",
    )
    command.add_argument(
        "--devices",
        action="append",
        type=whole(1, 256),
        metavar="N",
        help="how many ask at once, and once more for each further number (default: 1, 4, 16 and 64)",
    )
    command.add_argument(
        "--duration",
        type=seconds("500ms", "10min"),
        default="4s",
        metavar="TIME",
        help="of each measurement, after half as long of warming up (default: %(default)s)",
    )
    add_count(command, "--rounds", 2, "turns of each contender")
    add_count(command, "--tokens", 8, "that a short answer has at most")
    command.add_argument("--device", default="auto", choices=DEVICES, help="of all (default: %(default)s)")
    command.add_argument(
        "--dtype",
        default="float32",
        choices=("float32", "bfloat16", "float16"),
        help="of all (default: %(default)s)",
    )
    command.add_argument(
        "--threads",
        type=whole(0, 1024),
        default=0,
        metavar="N",
        help="of torch (default: as the service chooses)",
    )
    command.add_argument(
        "--engine",
        default=PROCESS,
        choices=ENGINES,
        help="where the service's models run, as `isthmus cloud serve` has it (default: %(default)s)",
    )
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError, CloudError or IsthmusError."""
    wait_quietly()  # all contenders, as the service does
    from bench.rig.bundles import chosen_bundle
    from bench.rig.console import wide_console
    from bench.rig.machine import processor
    from bench.service import tables
    from bench.service.contenders import ServicePlan
    from bench.service.goals import goals
    from bench.service.measure import measure
    from bench.service.model import check_answers

    check_places("service", options.output)
    bundle = chosen_bundle(options.bundle)
    check_answers(bundle.manifest)
    devices = sorted(set(options.devices or _DEVICES))
    kinds = options.only or KINDS
    plan = ServicePlan(
        kinds=kinds,
        devices=devices,
        rounds=options.rounds,
        seconds=options.duration,
        tokens=options.tokens,
        device=options.device,
        dtype=options.dtype,
        threads=options.threads,
        engine=options.engine,
    )
    with progress() as shown:
        shown.step("asking")
        rows = list(measure(bundle, plan, lambda name: shown.update(0, note=name)))
    where = (
        f"Measured on {processor()}, {os.cpu_count()} cores for service and devices together, load "
        f"{os.getloadavg()[0]:.1f}; {plan.dtype}, {plan.threads or 'as many as suit'} threads of torch; "
        f"at most {plan.tokens} tokens an answer; {plan.rounds} turns of {plan.seconds:g} s each."
    )
    figures = {
        "setting": where,
        "bundle": bundle.digest,
        "rows": [asdict(row) for row in rows],
        "goals": [goal._asdict() | {"reached": goal.reached} for goal in goals(rows)],
    }
    publish("service", options, figures, lambda: tables.show(rows, where, wide_console()))
