"""`isthmus bench video`: its arguments."""

import argparse
from typing import TYPE_CHECKING

from bench.rig.arguments import add_bundle, add_count, add_json
from bench.rig.console import step_progress, wide_console
from bench.rig.figures import check_places, save_figures
from protos.bundle import Bundle
from protos.errors import RequestError
from splitter.commands import wait_quietly

if TYPE_CHECKING:  # it needs torch, which takes its time
    from bench.video.report import VideoReport

_EPILOG = """\
Clips of drawn scenes, of which the right answers are known at every frame: a slow scene, a moving one, and
a cut. Every cut and level of the fitted or learned codec, each frame by itself and coded against the last
one that the cloud has, beside MJPEG and H.264: bytes a second, and right answers to questions once a
second. The head in place, both halves of the real codec. The bundle must be one that answers questions
about such scenes, as the built-in model does. H.264 needs PyAV: pip install av.

examples:
  isthmus bench video bundle
  isthmus bench video bundle --clips 4 --seconds 12 --json video.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench video`."""
    command.formatter_class, command.epilog = argparse.RawDescriptionHelpFormatter, _EPILOG
    add_bundle(command)
    add_count(command, "--clips", 6, "clips of each kind")
    add_count(command, "--seconds", 6, "length of a clip, at least 2")
    add_json(command, "F")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CheckpointError."""
    wait_quietly()
    from bench.video import h264, tables

    if options.seconds < 2:
        raise RequestError(f"--seconds is {options.seconds}; a cut needs at least 2")
    h264.check()
    check_places(options.json)
    report = _measured(Bundle.open(options.bundle), options.clips, options.seconds)
    tables.show(report, wide_console())
    save_figures(options.json, report.record())


def _measured(bundle: Bundle, clips: int, seconds: int) -> "VideoReport":
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
    with step_progress() as progress, silence_libraries():
        task = progress.add_task("drawing", total=len(KINDS) * len(candidates))
        return measure(
            bundle,
            cloud,
            candidates,
            clips,
            seconds,
            lambda name: progress.update(task, description=name, advance=1),
        )
