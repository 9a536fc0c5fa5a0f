"""`isthmus bench gpu`: its arguments."""

import argparse
import os
from dataclasses import asdict

from bench.rig.arguments import add_count, add_figures
from bench.rig.figures import check_places, publish
from cloud.config import DEVICES
from protos.errors import RequestError
from protos.terminal.arguments import seconds, whole
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress

_EPILOG = """\
One run of a few minutes for a machine that is lent with a GPU: are answers the same in company, and in
float16 and bfloat16 as in float32; how many a second, beside a plain server and the model alone; and the head
on onnxruntime's CUDA provider, where it has one.

examples:
  isthmus bench gpu --bundle bundle -o gpu.json
  isthmus bench gpu --device cpu --dtype bfloat16 --devices 4 --duration 1s
"""
_DTYPES = ("float16", "bfloat16")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench gpu`."""
    command.epilog = _EPILOG
    add_bundle(command)
    command.add_argument(
        "--device", default="cuda", choices=DEVICES, help="that the services run on (default: %(default)s)"
    )
    command.add_argument(
        "--dtype",
        action="append",
        choices=_DTYPES,
        metavar="DTYPE",
        help="beside float32, and once more for each further one (default: float16 and bfloat16)",
    )
    command.add_argument(
        "--devices",
        type=whole(1, 256),
        default=32,
        metavar="N",
        help="that ask at once (default: %(default)s)",
    )
    command.add_argument(
        "--duration",
        type=seconds("500ms", "1min"),
        default="4s",
        metavar="TIME",
        help="of each measurement of answers a second (default: %(default)s)",
    )
    add_count(command, "--repetitions", 20, "turns of the head")
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError, CloudError or IsthmusError."""
    import torch

    from bench.gpu import tables
    from bench.gpu.measure import GpuPlan, measure
    from bench.rig.bundles import chosen_bundle
    from bench.rig.console import wide_console
    from bench.rig.machine import processor
    from bench.service.model import check_answers

    check_places("gpu", options.output)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise RequestError(
            "torch finds no CUDA GPU here; run it where there is one, or see what it does with --device cpu"
        )
    bundle = chosen_bundle(options.bundle)
    check_answers(bundle.manifest)
    dtypes = options.dtype or _DTYPES
    plan = GpuPlan(options.device, dtypes, options.devices, options.duration, options.repetitions)
    with progress() as shown:
        found = measure(bundle, plan, shown.step)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    where = f"Measured on {gpu}, {processor()}, {os.cpu_count()} cores; torch {torch.__version__}."
    figures = {"setting": where, "bundle": bundle.digest, **asdict(found)}
    publish("gpu", options, figures, lambda: tables.show(found, where, wide_console()))
