"""`isthmus bench leakage`: its arguments, and where its results are cached."""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.rig.arguments import NANO, add_count, add_data, add_figures
from bench.rig.bundles import chosen_bundle
from bench.rig.figures import check_places, publish
from protos.bundle import Bundle
from protos.config import cache_folder, wait_quietly
from protos.errors import RequestError
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress
from splitter.commands.leakage import save_leakage

if TYPE_CHECKING:  # they need torch, which takes its time
    from bench.codec.evaluation.evaluation_set import EvaluationSet
    from bench.leakage.attack import Attack
    from bench.leakage.results import LeakageReport
    from splitter.evaluate.subjects import Image

_MIN_KNOWN = 16
_EPILOG = """\
Somebody who holds pictures and what they were sent as trains a small network from the one back to the
other, at every cut for each kind of codec at its finest and its coarsest, and tries it on pictures that it
has not seen: how alike they are, and what the whole model still answers about them. Beside it the same of a
JPEG, which gives away what it shows. Features are personal data, whatever this says: a longer attack finds
more. What was found is kept in the bundle's folder, and `isthmus bundle show` tells it.

Finished rows are kept in the cache folder ($ISTHMUS_CACHE), so that an interrupted run goes on where it
stopped.

examples:
  isthmus bench leakage --data nano --steps 200             # the built-in model
  isthmus bench leakage --bundle bundle --data ~/photos --known 400 -o leakage.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench leakage`."""
    command.epilog = _EPILOG
    add_bundle(command)
    add_data(command)
    add_count(command, "--known", 400, "pictures to learn from")
    add_count(command, "--pictures", 40, "held-out pictures")
    add_count(command, "--steps", 300, "of training, of 16 pictures each")
    add_figures(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CheckpointError."""
    wait_quietly()
    from bench.leakage import tables
    from bench.rig.machine import setting

    check_places("leakage", options.output)
    bundle = chosen_bundle(options.bundle)
    report = _measured(options, bundle)
    where = setting(1, 1)
    figures = {"setting": asdict(where), **report.record()}
    publish(
        "leakage",
        options,
        {"bundle": bundle.digest, **figures},
        lambda: tables.show(report, where, Console()),
    )
    _keep_beside(bundle, figures)


def _measured(options: argparse.Namespace, bundle: Bundle) -> "LeakageReport":
    from splitter.silence import silence_libraries

    with progress() as shown, silence_libraries():
        shown.step("reading the model")
        attack = _attack(options, bundle)
        shown.step("attacking", attack.work)
        return attack.run(lambda name: shown.advance(note=name))


def _keep_beside(bundle: Bundle, figures: Mapping[str, Any]) -> None:
    """Keep the figures in the bundle's folder, where that can be written to."""
    try:
        save_leakage(bundle, figures)
    except RequestError as error:  # the figures stand above all the same
        Console(stderr=True).print(f"`bundle show` will not tell of this: {error}", markup=False)


def _attack(options: argparse.Namespace, bundle: Bundle) -> "Attack":
    from bench.leakage.attack import Attack
    from splitter.storage.parts import Parts

    evaluation_set, known = _pictures(options, bundle)
    known_digest = hashlib.sha256(b"".join(image.tobytes() for image in known)).hexdigest()
    recipe = json.dumps([bundle.digest, evaluation_set.digest, known_digest, options.steps])
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    folder = cache_folder() / "bench" / f"leakage-{digest[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return Attack(bundle, known, evaluation_set, options.steps, Parts(folder, digest))


def _pictures(options: argparse.Namespace, bundle: Bundle) -> tuple["EvaluationSet", Sequence["Image"]]:
    """The held-out pictures with what is asked about them, and those that the attacker holds."""
    from bench.codec.evaluation import evaluation_set, picture_folder
    from splitter.nano.scenes import picture

    if options.data == NANO:
        known_scenes = [picture(evaluation_set.KNOWN_SEEDS + index).image for index in range(options.known)]
        return evaluation_set.scenes(options.pictures), known_scenes
    folder = Path(options.data)
    held_out = picture_folder.folder(folder, options.pictures, fitted=picture_folder.fitted_on(bundle))
    known = picture_folder.others(folder, held_out, options.known)
    if len(known) < _MIN_KNOWN:
        message = (
            f"{folder} holds {len(known)} pictures beside the {len(held_out.pictures)} held out, "
            f"{_MIN_KNOWN} are needed to learn from"
        )
        raise RequestError(f"{message}; add pictures, or lower --pictures", path=str(folder))
    return held_out, known
