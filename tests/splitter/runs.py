"""A run of a split as far as a test needs it."""

from collections.abc import Callable
from pathlib import Path

from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.families.loading import Checkpoint
from splitter.recipe import Options
from splitter.stages.load import load
from splitter.stages.run import Run, StepProgress
from splitter.storage.parts import Parts


def run_of(
    options: Options,
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
    advance: StepProgress = lambda *_: None,
) -> Run:
    """Called again for the same folder, it goes on where the first stopped."""
    return Run(options, Parts(folder / "bundle", "recipe"), say, advance)


def loaded(run: Run) -> tuple[Reference, EvaluationSet]:
    return load(run, Checkpoint(run.options.checkpoint))
