"""Fit: the codecs of each cut, on what its head makes of the calibration pictures."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice

import onnx

from splitter.codecs.arrays import Tensors
from splitter.codecs.coding import Coding
from splitter.codecs.kind import Learning
from splitter.codecs.learning.training_set import held_out
from splitter.codecs.tail_from import CutTail
from splitter.evaluate import subjects
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.evaluate.subjects import Image
from splitter.graph.chain import Arrays, Chain
from splitter.graph.cut_plan import CutPlan
from splitter.memory import trim_memory
from splitter.stages.cut_codecs import cut_codecs, weigh
from splitter.stages.run import Run

Codings = dict[str, list[Coding]]

_AT_ONCE = 64  # further pictures that a codec is handed together
_MAX_BOUNDARY_BYTES = 1 << 30
_MIN_CALIBRATED = 16


def fit(
    run: Run,
    reference: Reference,
    evaluation: EvaluationSet,
    plan: CutPlan,
    pieces: Sequence[onnx.ModelProto],
) -> Codings:
    """The codecs of each cut."""
    run.say("fitting the codecs of each cut")
    trim_memory()  # the tower
    chain = Chain(pieces, run.options.threads)
    outputs = _calibrated(run, evaluation, chain)
    boundaries = {cut: plan.boundary(cut, arrays) for cut, arrays in zip(plan.cuts, outputs, strict=True)}
    tails = {cut: CutTail(reference, cut, evaluation.questions) for cut in plan.cuts}
    weighed = {cut: weigh(run, tails[cut], boundary) for cut, boundary in boundaries.items()}
    reference.release()  # what is left is done with matrices as wide as a language model
    calibrated = len(outputs[0][next(iter(outputs[0]))])
    shares = _shares(boundaries)
    return {
        cut: cut_codecs(
            run,
            tails[cut],
            boundary,
            weighed[cut],
            Learning(
                _further(run, evaluation, plan, chain, cut, calibrated),
                60 * run.options.budget_minutes * shares[cut],
                run.parts,
                run.say,
                run.advance,
            ),
        )
        for cut, boundary in boundaries.items()
    }


def _shares(boundaries: Mapping[str, Tensors]) -> dict[str, float]:
    """What each cut's codec may take of the time for learning: early cuts want most."""
    sizes = {cut: sum(values[0].size for values in tensors.values()) for cut, tensors in boundaries.items()}
    return {cut: size / sum(sizes.values()) for cut, size in sizes.items()}


def _calibrated(run: Run, evaluation: EvaluationSet, chain: Chain) -> list[Arrays]:
    """Every boundary of the calibration pictures, or of as many of them as have room in memory."""
    pictures = len(evaluation.subject.calibration)
    pixels = evaluation.calibration(1)
    each = pixels.nbytes + sum(values.nbytes for arrays in chain.run(pixels) for values in arrays.values())
    most = max(_MIN_CALIBRATED, _MAX_BOUNDARY_BYTES // each)
    if most < pictures:
        run.say(
            f"{most} of {pictures} calibration pictures are used: the boundaries of more would take "
            "over a gibibyte of memory"
        )
    return chain.run(evaluation.calibration(most))


def _further(
    run: Run, evaluation: EvaluationSet, plan: CutPlan, chain: Chain, cut: str, calibrated: int
) -> Iterator[Tensors]:
    """A cut's boundary of pictures beyond the calibration's, some at a time, without end: for codecs that
    learn.
    """
    place = plan.cuts.index(cut)
    pictures = _further_pictures(run, evaluation, calibrated)
    for done in count():
        run.advance(f"seeing more pictures for {cut}", done * _AT_ONCE, _AT_ONCE * (done + 1))
        pixels = evaluation.preprocessor.pixels(list(islice(pictures, _AT_ONCE)))
        yield plan.boundary(cut, chain.run(pixels, place + 1)[place])


def _further_pictures(run: Run, evaluation: EvaluationSet, calibrated: int) -> Iterator[Image]:
    """More scenes, or views of calibration pictures, without end."""
    seen = evaluation.subject.calibration
    if run.options.calibration:
        return subjects.views([seen[index] for index in _learned_from(evaluation, calibrated)])
    return subjects.more_scenes(len(seen))


def _learned_from(evaluation: EvaluationSet, calibrated: int) -> list[int]:
    """The calibration pictures of which so many tiles are seen, and none is held out; of very few pictures
    all.
    """
    tiles = [evaluation.preprocessor.grid(picture).tiles for picture in evaluation.subject.calibration]
    owners = [index for index, count in enumerate(tiles) for _ in range(count)][:calibrated]
    return sorted(set(owners) - {owners[tile] for tile in held_out(calibrated)} or set(owners))
