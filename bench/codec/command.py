"""`isthmus bench codec`: its arguments, and where its results are cached."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import features

from bench.rig.arguments import NANO, add_count, add_data, add_figures
from bench.rig.bundles import chosen_bundle
from bench.rig.console import wide_console
from bench.rig.figures import check_places, publish
from protos.bundle import Bundle
from protos.config import cache_folder, wait_quietly
from protos.errors import RequestError
from protos.terminal.options import add_bundle
from protos.terminal.progress import progress

if TYPE_CHECKING:  # they need torch, which takes its time
    from bench.codec.evaluation.evaluation_set import EvaluationSet
    from bench.codec.report.report import CodecReport

_EPILOG = """\
Every cut and codec of a bundle, the head in place and both halves of the real codec, against JPEG, WebP and
AVIF at the model's own resolution and at smaller ones. Beside a folder's pictures, or in the folder:
  questions.json  [{"picture": "a.jpg", "question": "what runs?", "answer": "a dog", "kind": "object"}, ...]
  captions.json   {"a.jpg": ["a dog runs", ...], ...}, or the same under "evaluate"
Of questions it counts the right answers by kind; of captions it takes the negative log-likelihood under
teacher forcing, and how many stay as the whole model writes them; without either, fidelity: how near every
next token is to the whole model's, 100 exp(-KL). Of a dual encoder it compares the best label and the
embedding with the whole model's, and tells at which place a picture finds its own caption, or itself.
Pictures that the bundle was fitted on are left out. Give enough others: of 120, one question of a kind is
almost a point.

Finished rows are kept in the cache folder ($ISTHMUS_CACHE), so that an interrupted run goes on where it
stopped.

examples:
  isthmus bench codec --data nano                           # the built-in model
  isthmus bench codec --bundle bundle --data ~/photos --pictures 60 --html codec.html
  isthmus bench codec --bundle bundle --data ~/photos --questions asked.json -o codec.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench codec`."""
    command.epilog = _EPILOG
    add_bundle(command)
    add_data(command)
    command.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="questions about the pictures of DIR (default: DIR's own)",
    )
    add_count(command, "--pictures", 120, "at most so many pictures")
    add_figures(command)
    command.add_argument("--html", type=Path, metavar="FILE", help="write a page with a picture")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and report. Raises RequestError, BundleError or CheckpointError."""
    wait_quietly()
    from bench.codec.report import page, tables

    if not features.check("avif"):
        raise RequestError(
            "this Pillow cannot write AVIF, the strongest rival; get one that can: pip install 'pillow>=13'"
        )
    check_places("codec", options.output, options.html)
    if options.html:
        page.check(options.html)
    bundle = chosen_bundle(options.bundle)
    report = _measured(bundle, _evaluation_set(options, bundle))
    publish("codec", options, report.record(), lambda: tables.show(report, wide_console()))
    if options.html:
        page.save(options.html, report)


def _evaluation_set(options: argparse.Namespace, bundle: Bundle) -> "EvaluationSet":
    from bench.codec.evaluation import evaluation_set, picture_folder

    if options.data != NANO:
        fitted = picture_folder.fitted_on(bundle)
        return picture_folder.folder(Path(options.data), options.pictures, options.questions, fitted)
    if options.questions:
        raise RequestError(
            f"--questions goes with a folder of pictures; the scenes of `{NANO}` have questions of their own"
        )
    return evaluation_set.scenes(options.pictures)


def _measured(bundle: Bundle, evaluation_set: "EvaluationSet") -> "CodecReport":
    from bench.codec.measure import measure, steps
    from bench.codec.result_cache import ResultCache
    from splitter.silence import silence_libraries

    cache = ResultCache.of(cache_folder() / "bench", bundle, evaluation_set)
    with progress() as shown, silence_libraries():
        shown.step("measuring", steps(bundle))
        return measure(bundle, evaluation_set, cache, lambda name: shown.advance(note=name))
