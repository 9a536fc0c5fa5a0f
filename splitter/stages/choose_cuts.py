"""Choose cuts: those named, the best ones, or two layers at thirds; the last cut there is always one."""

from collections.abc import Sequence
from functools import cache

from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.families import cut_names
from splitter.families.loading import Checkpoint
from splitter.graph.cut_plan import CutPlan, boundary_tensors
from splitter.planning.plan import ORDINARY
from splitter.recipe import BEST_CUTS, model_name
from splitter.stages.best_cuts import WHERE, candidates, worth_publishing
from splitter.stages.run import Run
from splitter.stages.trial import try_cuts


def choose_cuts(run: Run, checkpoint: Checkpoint, reference: Reference, evaluation: EvaluationSet) -> CutPlan:
    """The cuts to publish, and what crosses each: kept, so that it does not bring a large model back."""
    if run.options.cuts == BEST_CUTS:
        cuts = best_cuts(run, reference, evaluation)
    else:
        cuts = named_cuts(checkpoint, run.options.cuts)
    _announce(run, checkpoint, reference, evaluation, cuts)
    return CutPlan(
        run.parts.value("boundaries", lambda: boundary_tensors(reference.family, reference.get().model, cuts))
    )


def named_cuts(checkpoint: Checkpoint, wanted: Sequence[str]) -> list[str]:
    """The cuts that are wanted, in order, and the last; without any, two layers at thirds, and the last."""
    possible = cut_names(checkpoint.family, checkpoint.empty)
    if not wanted:
        depth = checkpoint.family.depth(checkpoint.empty)
        thirds = [possible[max(0, depth // 3 - 1)], possible[max(0, 2 * depth // 3 - 1)]]
        return list(dict.fromkeys([*thirds, possible[-1]]))
    return [name for name in possible if name in {*wanted, possible[-1]}]


def best_cuts(run: Run, reference: Reference, evaluation: EvaluationSet) -> list[str]:
    """The cuts that are the best somewhere, in order; the last cut is always one, because answering on the
    device ends there.
    """
    found: list[str] = run.parts.value("cuts", lambda: _best(run, reference, evaluation))
    run.say(f"the best cuts ({WHERE}): {', '.join(found)}")
    return found


def _best(run: Run, reference: Reference, evaluation: EvaluationSet) -> list[str]:
    family, model = reference.family, reference.get().model
    trial = try_cuts(run, reference, evaluation, candidates(cut_names(family, model), family.depth(model)))
    accurate = cache(lambda name: trial.sure_loss(name) <= ORDINARY.max_loss)
    return worth_publishing(trial.manifest, trial.measured, accurate)


def _announce(
    run: Run, checkpoint: Checkpoint, reference: Reference, evaluation: EvaluationSet, cuts: Sequence[str]
) -> None:
    run.say(f"{model_name(run.options)}: {checkpoint.family.name}, cuts {', '.join(cuts)}")
    if not reference.with_language:
        size = f"{checkpoint.language_bytes / 1e9:.1f} GB as FP32"
        run.say(
            f"the language model ({size}) stays on disk: gate and losses are of image tokens; --measure "
            "answers loads it"
        )
    subject = evaluation.subject
    run.say(f"{len(subject.calibration)} pictures to calibrate on, {len(subject.pictures)} to measure on")
