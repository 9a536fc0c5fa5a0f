"""`isthmus bench video`: its arguments."""

import argparse
from typing import TYPE_CHECKING

from bench.rig.arguments import add_count, add_figures
from bench.rig.bundles import chosen_bundle
from bench.rig.console import wide_console
from bench.rig.figures import check_places, publish
from protos.bundle import Bundle
from protos.config import wait_quietly
from protos.errors import RequestError
from protos.terminal.arguments import seconds
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress

if TYPE_CHECKING:  # it needs torch, which takes its time
    from bench.video.report import VideoReport

_EPILOG = """\
Clips of drawn scenes, of which the right answers are known at every frame: a slow scene, a moving one, and
a cut. Every cut and level of the fitted or learned codec, each frame by itself and coded against the last
one that the cloud has, beside MJPEG and H.264: bytes a second, and right answers to questions once a
second. The head in place, both halves of the real codec. Then what a frame takes on the TCP connection to a
real service, both ways, by Infer, Converse and Watch. The bundle must be one that answers questions
about such scenes, as the built-in model does. H.264 needs PyAV: pip install av.

examples:
  isthmus bench video                                       # the built-in model
  isthmus bench video --bundle bundle --clips 4 --length 12s -o video.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench video`."""
    command.epilog = _EPILOG
    add_bundle(command)
    add_count(command, "--clips", 6, "clips of each kind")
    command.add_argument(
        "--length",
        type=seconds("2s", "1h"),
        default="6s",
        metavar="TIME",
        help="of a clip, in whole seconds (default: %(default)s)",
    )
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CheckpointError."""
    wait_quietly()
    from bench.video import h264, tables

    h264.check()
    check_places("video", options.output)
    report = _measured(chosen_bundle(options.bundle), options.clips, options.length)
    publish("video", options, report.record(), lambda: tables.show(report, wide_console()))


def _measured(bundle: Bundle, clips: int, length: float) -> "VideoReport":
    from bench.codec.candidates.cloud_half import CloudHalf, check_one_tile
    from bench.video.candidates import every_candidate
    from bench.video.clips import KINDS
    from bench.video.measure import measure
    from splitter.silence import silence_libraries

    if bundle.manifest.HasField("matching"):
        raise RequestError(
            f"{bundle.manifest.model} answers no questions; measure a bundle that does, such as the "
            "built-in model's"
        )
    check_one_tile(bundle)
    cloud = CloudHalf(bundle)
    candidates = list(every_candidate(bundle, cloud))
    with progress() as shown, silence_libraries():
        shown.step("measuring", len(KINDS) * len(candidates) + 1)
        return measure(
            bundle,
            cloud,
            candidates,
            clips,
            round(length),
            lambda name: shown.advance(note=name),
        )
