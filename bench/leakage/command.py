"""`isthmus bench leakage`: its arguments, and where its finished rows are kept."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.rig.figures import check_places, save_figures
from protos.arguments import whole
from protos.bundle import Bundle
from protos.config import cache_folder
from protos.errors import RequestError
from splitter.commands import wait_quietly
from splitter.commands.leakage import save_leakage

if TYPE_CHECKING:  # they need torch, which takes its time
    from bench.codec.exam import Exam
    from bench.leakage.measure import Attack
    from splitter.evaluate.subjects import Image

_NANO = "nano"
_MIN = 16
_EPILOG = """\
Somebody who holds pictures and what they were sent as trains a small network from the one back to the
other, at every cut for each kind of codec at its finest and its coarsest, and tries it on pictures that it
has not seen: how alike they are, and what the whole model still answers about them. Beside it the same of a
JPEG, which gives away what it shows. Features are personal data, whatever this says: a longer attack finds
more. What was found is kept in the bundle's folder, and `isthmus bundle show` tells it.

Finished rows are kept in the cache folder ($ISTHMUS_CACHE), so that an interrupted run goes on where it
stopped.

examples:
  isthmus bench leakage bundle --data nano --steps 200
  isthmus bench leakage bundle --data ~/photos --known 400 --json leakage.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench leakage`."""
    command.formatter_class, command.epilog = argparse.RawDescriptionHelpFormatter, _EPILOG
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle with its cloud folder")
    command.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder of pictures, or `nano`: scenes that nothing was fitted on",
    )
    command.add_argument(
        "--known",
        type=whole(),
        default=400,
        metavar="N",
        help="pictures to learn from (default: %(default)s)",
    )
    command.add_argument(
        "--pictures", type=whole(), default=40, metavar="N", help="held-out pictures (default: %(default)s)"
    )
    command.add_argument(
        "--steps",
        type=whole(),
        default=300,
        metavar="N",
        help="of training, of 16 pictures each (default: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="F", help="write the figures to a file")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and tell. Raises RequestError, BundleError or CheckpointError."""
    wait_quietly()
    from bench.leakage import tables
    from bench.rig.machine import setting
    from splitter.silence import silence_libraries

    check_places(options.json)
    bundle = Bundle.open(options.bundle)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress, silence_libraries():
        task = progress.add_task("reading the model", total=None)
        attack = _attack(options, bundle)
        progress.update(task, total=attack.work)
        leakage = attack.run(lambda name: progress.update(task, description=name, advance=1))
    where = setting(1, 1)
    tables.show(leakage, where, Console())
    figures = {"setting": asdict(where), **asdict(leakage)}
    try:
        save_leakage(bundle, figures)
    except OSError as error:  # the figures stand above all the same
        Console(stderr=True).print(
            f"{bundle.path} cannot be written to ({error.strerror}): `bundle show` will not tell of this"
        )
    save_figures(options.json, {"bundle": bundle.digest, **figures})


def _attack(options: argparse.Namespace, bundle: Bundle) -> "Attack":
    from bench.leakage.measure import Attack
    from splitter.storage.parts import Parts

    exam, known = _pictures(options, bundle)
    recipe = json.dumps(
        [
            bundle.digest,
            exam.digest,
            hashlib.sha256(b"".join(k.tobytes() for k in known)).hexdigest(),
            options.steps,
        ]
    )
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    folder = cache_folder() / "bench" / f"leakage-{digest[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Attack(bundle, known, exam, options.steps, Parts(folder, digest))


def _pictures(options: argparse.Namespace, bundle: Bundle) -> tuple["Exam", Sequence["Image"]]:
    """The held-out pictures with what is asked about them, and those that the attacker holds."""
    from bench.codec import exam
    from splitter.nano.scenes import picture

    if options.data == _NANO:
        held = exam.scenes(options.pictures)
        return held, [picture(exam.KNOWN_SEEDS + index).image for index in range(options.known)]
    folder = Path(options.data)
    held = exam.folder(folder, options.pictures, fitted=exam.fitted_on(bundle))
    known = exam.others(folder, held, options.known)
    if len(known) < _MIN:
        message = (
            f"{folder} holds {len(known)} pictures beside the {len(held.pictures)} held out, {_MIN} "
            "are needed to learn from"
        )
        raise RequestError(f"{message}; add pictures, or lower --pictures", path=str(folder))
    return held, known
