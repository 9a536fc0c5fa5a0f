"""`isthmus bench`: measure."""

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.codec import command as codec
from bench.leakage import command as leakage
from bench.memory import command as memory
from bench.rig.bundles import prepare
from bench.rig.figures import check_places, save_figures
from bench.routes.measure import Timing, routes, setting
from bench.video import command as video
from protos.arguments import whole
from protos.bundle import Bundle

if TYPE_CHECKING:  # it needs torch, which takes its time
    from bench.head.measure import HeadFigures

_EPILOG = """\
examples:
  isthmus bench routes
  isthmus bench routes --bundle my-bundle --repetitions 100 --json routes.json
  isthmus bench head my-bundle --threads 2
  isthmus bench head --config smolvlm-256m --repetitions 10 --json head.json
  isthmus bench codec my-bundle --data nano --html codec.html
  isthmus bench memory --config llava-7b --disk /var/tmp
  isthmus bench leakage my-bundle --data nano
  isthmus bench video my-bundle
"""
_CONFIG_HELP = (
    "a model of true size with random weights instead, built for the measurement: smolvlm-256m, "
    "vit-b16-224, blip-base"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench`."""
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(metavar="WHAT", required=True)
    command = commands.add_parser("routes", help="every way to answer, interleaved, over loopback")
    command.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        help="a split of the built-in model (default: made once, kept in the cache)",
    )
    command.add_argument(
        "--repetitions",
        type=whole(),
        default=40,
        metavar="N",
        help="questions by each route (default: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    command.set_defaults(run=_routes)
    _add_head(
        commands.add_parser("head", help="the head's time and memory, against FP32, one session and torch")
    )
    codec.add_arguments(
        commands.add_parser(
            "codec", help="features against pictures: bytes, and what is lost, by kind of question"
        )
    )
    memory.add_arguments(
        commands.add_parser("memory", help="what the split of a large checkpoint holds in memory")
    )
    video.add_arguments(
        commands.add_parser(
            "video", help="a camera's frames: features against the last frame's, MJPEG and H.264"
        )
    )
    leakage.add_arguments(
        commands.add_parser(
            "leakage", help="what features give away: pictures made again from what crosses the wire"
        )
    )


def _add_head(command: argparse.ArgumentParser) -> None:
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("bundle", nargs="?", type=Path, metavar="BUNDLE", help="a bundle with its cloud folder")
    what.add_argument("--config", metavar="NAME", help=_CONFIG_HELP)
    command.add_argument(
        "--threads", type=whole(), default=1, metavar="N", help="threads of each form (default: %(default)s)"
    )
    command.add_argument(
        "--repetitions", type=whole(), default=20, metavar="N", help="turns (default: %(default)s)"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    command.set_defaults(run=_head)


def _head(options: argparse.Namespace) -> None:
    from bench.head import tables as head_tables
    from splitter.silence import silence_libraries

    check_places(options.json)
    progress = Progress(console=Console(stderr=True), transient=True)
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder, progress, silence_libraries():
        figures = _measured(options, Path(folder), progress)
    head_tables.show(figures, Console())
    save_figures(options.json, asdict(figures))


def _measured(options: argparse.Namespace, folder: Path, progress: Progress) -> "HeadFigures":
    from bench.head import measure as head
    from bench.head import towers

    task = progress.add_task("exporting", total=options.repetitions)
    if options.config:
        bundle, graphs = towers.build(options.config, folder / "bundle")
    else:
        bundle = Bundle.open(options.bundle)
        graphs = towers.Towers.of(bundle.folder("cloud"))
    progress.update(task, description="measuring")
    return head.measure(
        bundle, graphs, folder, options.threads, options.repetitions, lambda: progress.advance(task)
    )


def _routes(options: argparse.Namespace) -> None:
    check_places(options.json)
    bundle = prepare(options.bundle)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("asking", total=options.repetitions)
        timings = routes(bundle, options.repetitions, lambda: progress.advance(task))
    Console().print(_table(timings, setting(options.repetitions)))
    told = {
        "setting": setting(options.repetitions),
        "bundle": bundle.digest,
        "routes": [asdict(t) for t in timings],
    }
    save_figures(options.json, told)


def _table(timings: list[Timing], caption: str) -> Table:
    table = Table(
        title="time to the whole answer", title_justify="left", caption=caption, caption_justify="left"
    )
    for name in ("route", "median ms", "p95 ms", "of upload", "bytes up", "right"):
        table.add_column(name, justify="left" if name == "route" else "right")
    for t in timings:
        times = (f"{t.median_ms:.1f}", f"{t.p95_ms:.1f}", f"{t.of_upload:.2f}")
        table.add_row(t.route, *times, f"{t.bytes_up:,.0f}", f"{t.right_percent:.0f}%")
    return table
