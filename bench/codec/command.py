"""`isthmus bench codec`: its arguments, and where its finished rows are kept."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import features
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.rig.figures import check_places, save_figures
from protos.arguments import whole
from protos.bundle import Bundle
from protos.config import cache_folder
from protos.errors import RequestError
from splitter.commands import wait_quietly

if TYPE_CHECKING:  # they need torch, which takes its time
    from bench.codec.exam import Exam
    from bench.codec.outcome import Outcome

_NANO = "nano"
_PIPED_WIDTH = 170
_EPILOG = """\
Every cut and codec of a bundle, the head in place and both halves of the real codec, against JPEG, WebP and
AVIF at the model's own resolution and at smaller ones. Beside a folder's pictures, or in the folder:
  questions.json  [{"picture": "a.jpg", "question": "what runs?", "answer": "a dog", "kind": "object"}, ...]
  captions.json   {"a.jpg": ["a dog runs", ...], ...}, or the same under "evaluate"
Of questions it counts the right answers by kind; of captions it takes the negative log-likelihood under
teacher forcing, and how many stay as the whole model writes them; without either, whether answers are the
whole model's. Of a dual encoder it compares the best label and the embedding with the whole model's, and
tells at which place a picture finds its own caption, or itself. Pictures that the bundle was fitted on are
left out. Give enough others: of 120, one question of a kind is almost a point.

Finished rows are kept in the cache folder ($ISTHMUS_CACHE), so that an interrupted run goes on where it
stopped.

examples:
  isthmus bench codec bundle --data nano
  isthmus bench codec bundle --data ~/photos --pictures 60 --html codec.html
  isthmus bench codec bundle --data ~/photos --questions asked.json --json codec.json
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Describe `isthmus bench codec`."""
    command.formatter_class, command.epilog = argparse.RawDescriptionHelpFormatter, _EPILOG
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle with its cloud folder")
    command.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder of pictures, or `nano`: scenes that nothing was fitted on",
    )
    command.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="questions about the pictures of DIR (default: DIR's own)",
    )
    command.add_argument(
        "--pictures",
        type=whole(),
        default=120,
        metavar="N",
        help="at most so many pictures (default: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="F", help="write the figures to a file")
    command.add_argument("--html", type=Path, metavar="F", help="write a page with a picture")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure and tell. Raises RequestError, BundleError or CheckpointError."""
    wait_quietly()
    from bench.codec import page, tables

    if not features.check("avif"):
        raise RequestError(
            "this Pillow cannot write AVIF, the strongest rival; get one that can: pip install 'pillow>=11.3'"
        )
    check_places(options.json, options.html)
    bundle = Bundle.open(options.bundle)
    outcome = _outcome(bundle, _exam(options, bundle))
    console = Console()
    tables.show(outcome, console if console.is_terminal else Console(width=_PIPED_WIDTH))
    save_figures(options.json, outcome.record())
    if options.html:
        page.save(options.html, outcome)


def _exam(options: argparse.Namespace, bundle: Bundle) -> "Exam":
    from bench.codec import exam

    if options.data != _NANO:
        return exam.folder(Path(options.data), options.pictures, options.questions, exam.fitted_on(bundle))
    if options.questions:
        raise RequestError(
            f"--questions goes with a folder of pictures; the scenes of `{_NANO}` have questions of their own"
        )
    return exam.scenes(options.pictures)


def _outcome(bundle: Bundle, exam: "Exam") -> "Outcome":
    from bench.codec.keep import Keep
    from bench.codec.outcome import examine, steps
    from splitter.silence import silence_libraries

    keep = Keep.of(cache_folder() / "bench", bundle, exam)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress, silence_libraries():
        task = progress.add_task("reading the model", total=steps(bundle))
        return examine(bundle, exam, keep, lambda name: progress.update(task, description=name, advance=1))
