"""`isthmus split`: a checkpoint in, a bundle out."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from protos.bundle import Bundle
from splitter.commands import positive, wait_quietly
from splitter.commands.bundle import print_bundle

_EPILOG = """\
The checkpoint is a folder in the Hugging Face layout (config.json, model.safetensors, tokenizer and processor files), or
`nano`, the small model that comes with Isthmus. Cuts are `vision.K` (behind K vision layers) and `connector` (the image
tokens); the connector is always published, because answering on the device ends there.

A split that is interrupted goes on where it stopped when it is run again; a bundle that is there already is reused.

examples:
  isthmus split -o bundle --with-local
  isthmus split ~/SmolVLM -o bundle --cuts vision.4,vision.8 --calibration ~/photos
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("checkpoint", nargs="?", default="nano", help="folder of a checkpoint, or `nano` (default: %(default)s)")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="BUNDLE", help="folder to write")
    parser.add_argument("--cuts", default="auto", help="comma-separated cuts, or `auto`: a third and two thirds of the layers, connector")
    parser.add_argument("--calibration", type=Path, metavar="DIR", help="folder of pictures like those the model will see")
    parser.add_argument("--with-local", action="store_true", help="also export the language model, so that the device can answer alone")
    parser.add_argument(
        "--report-pictures", type=positive, default=60, metavar="N", help="held-out pictures to measure on (default: %(default)s)"
    )
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="threads of the timed head (default: %(default)s)")
    parser.add_argument("--replace", action="store_true", help="replace a bundle at BUNDLE that was split in another way")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end instead of tables")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    console = Console(stderr=options.json)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            bundle = _split(options, progress)
    except KeyboardInterrupt:
        console.print(f"interrupted; finished steps are kept in {options.output}.parts, the same command goes on from there")
        raise
    print_bundle(bundle, as_json=options.json)


def _split(options: argparse.Namespace, progress: Progress) -> Bundle:
    started = progress.add_task("loading torch", total=None)
    wait_quietly()
    from splitter.nano.model import WEIGHTS
    from splitter.quiet import quiet
    from splitter.recipe import Options
    from splitter.split import split

    chosen = Options(
        checkpoint=WEIGHTS if options.checkpoint == "nano" else Path(options.checkpoint),
        cuts=() if options.cuts == "auto" else tuple(options.cuts.split(",")),
        calibration=options.calibration,
        with_local=options.with_local,
        report_pictures=options.report_pictures,
        threads=options.threads,
    )

    def say(text: str) -> None:
        progress.console.print(text, highlight=False)

    def advance(step: str, done: int, total: int) -> None:
        progress.update(started, description=step, completed=done, total=total)

    with quiet():
        return split(chosen, options.output, replace=options.replace, say=say, advance=advance)
