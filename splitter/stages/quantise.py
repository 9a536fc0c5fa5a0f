"""Quantise: the head in the number format that was asked for, unless it does not pay on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import onnx

from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.graph.chain import Chain, Feeds, reached, tile_by_tile
from splitter.graph.cut import cut, extracted
from splitter.graph.cut_plan import CutPlan
from splitter.graph.files import file_bytes, weight_bytes
from splitter.graph.slim import slim
from splitter.memory import trim_memory
from splitter.quantize.convert import convert
from splitter.quantize.loss import COSINE, PICTURES, POINTS, CosineLoss, HeadLoss, PointsLoss, cosine
from splitter.quantize.mixed_precision import products, restore_float
from splitter.quantize.quant_format import FP32, QuantFormat
from splitter.quantize.search import EFFECT_PICTURES, LossMeter, Search, search
from splitter.quantize.timing import timing
from splitter.stages.losses import head_warnings
from splitter.stages.run import Run

_CALIBRATION_PICTURES = 64
_COMPARED_PICTURES = 8


@dataclass(frozen=True)
class QuantisedHead:
    """The pieces to publish, their format, and for the report what was measured on the way."""

    pieces: list[onnx.ModelProto]
    quant_format: QuantFormat
    facts: dict[str, Any]
    warnings: list[str]


def quantise(
    run: Run, reference: Reference, evaluation: EvaluationSet, plan: CutPlan, tower: onnx.ModelProto
) -> QuantisedHead:
    """Convert the exported tower, cut it, and measure it against FP32: bytes, time, and cosine at every cut.

    A format that is clearly slower than FP32 on this machine is given up for FP32 unless it was asked for by
    name.
    """
    asked = used = run.options.quant_format
    graph, found = _converted(run, reference, evaluation, plan, tower)
    pieces, warnings = cut(graph, plan.graph_names), list[str]()
    facts: dict[str, Any] = {"asked": asked.parts} | ({"search": found.facts()} if found else {})
    if asked.precision != FP32:
        measured = run.parts.value("precision", lambda: _measured(run, evaluation, plan, tower, pieces))
        facts |= measured
        run.say(_comparison(asked, measured))
        if measured["clearly_slower"] and run.options.only_if_faster:
            run.say(
                f"{asked} does not pay on this machine, so the head stays in FP32; --precision "
                f"{asked.precision} insists on it"
            )
            used, graph, pieces = QuantFormat(FP32), tower, cut(tower, plan.graph_names)
        elif found is None:  # the search has said what is lost
            warnings = run.tell(head_warnings(asked, measured["cosine"]))
    sizes = _sizes(plan, tower, graph, pieces)
    return QuantisedHead(pieces, used, facts | {"used": used.parts, "sizes": sizes}, warnings)


def in_format(run: Run, evaluation: EvaluationSet, tower: onnx.ModelProto) -> onnx.ModelProto:
    """The tower in the format that was asked for, all of it."""
    asked = run.options.quant_format
    if asked.precision == FP32:
        return tower
    feeds = _calibration_feeds(run, evaluation)
    return run.parts.model(
        f"tower-{asked.precision}", lambda: convert(tower, asked, feeds, run.options.threads)
    )


def _converted(
    run: Run, reference: Reference, evaluation: EvaluationSet, plan: CutPlan, tower: onnx.ModelProto
) -> tuple[onnx.ModelProto, Search | None]:
    """The tower in its format, with as many MatMuls in float as the bound on the loss asks for."""
    asked, bound = run.options.quant_format, run.options.max_loss
    if asked.precision == FP32:
        return tower, None
    run.say(f"converting the head to {asked}")
    graph = in_format(run, evaluation, tower)
    if bound is None:
        return graph, None
    found = search(_meter(run, reference, evaluation, plan, tower, graph), products(tower), bound)
    run.say(_outcome(found))
    return restore_float(graph, tower, found.outputs), found


def _meter(
    run: Run,
    reference: Reference,
    evaluation: EvaluationSet,
    plan: CutPlan,
    tower: onnx.ModelProto,
    graph: onnx.ModelProto,
) -> LossMeter:
    last = plan.graph_names[-1:]
    (original,), (quantised,) = cut(tower, last), cut(graph, last)
    loss = _loss(run, reference, evaluation, plan, original)
    effect_loss = CosineLoss(original, evaluation.calibration(EFFECT_PICTURES), run.options.threads)
    return LossMeter(original, quantised, loss, effect_loss, run.parts, run.advance)


def _loss(
    run: Run, reference: Reference, evaluation: EvaluationSet, plan: CutPlan, original: onnx.ModelProto
) -> HeadLoss:
    """Points where the subject is the built-in scenes and the language model can be asked about them, else
    cosine.
    """
    threads = run.options.threads
    if run.options.calibration is None and reference.answers:
        pixels = evaluation.calibration(PICTURES[POINTS])
        return PointsLoss(original, pixels, threads, reference.generative(), plan)
    return CosineLoss(original, evaluation.calibration(PICTURES[COSINE]), threads)


def _calibration_feeds(run: Run, evaluation: EvaluationSet) -> Feeds:
    """Calibration pictures, one prepared at a time."""
    seen = evaluation.subject.calibration[:_CALIBRATION_PICTURES]
    for done, picture in enumerate(seen):
        run.advance("calibrating activations", done, len(seen))
        yield from tile_by_tile(evaluation.preprocessor.pixels([picture]))


def _measured(
    run: Run,
    evaluation: EvaluationSet,
    plan: CutPlan,
    tower: onnx.ModelProto,
    pieces: Sequence[onnx.ModelProto],
) -> dict[str, Any]:
    """Time and bytes of weights of the whole chain in FP32 and in its format, and the cosine at every cut."""
    threads, exact = run.options.threads, partial(extracted, tower, plan.graph_names)
    size = {"fp32": weight_bytes(tower), "form": sum(map(weight_bytes, pieces))}
    fp32, quantised = Chain(exact(), threads), Chain(pieces, threads)  # one FP32 piece in memory at a time
    run.advance("timing against FP32", 0, 1)
    timed = timing(fp32, quantised, evaluation.held_out[:1], threads)
    del fp32
    trim_memory()
    shown = evaluation.calibration(_COMPARED_PICTURES)
    given = quantised.run(shown)
    del quantised
    trim_memory()
    wanted = reached(exact(), shown)
    near = {name: cosine(*both) for name, *both in zip(plan.cuts, given, wanted, strict=True)}
    return {
        "milliseconds": {"fp32": timed.fp32, "form": timed.form},
        "speed": timed.speed,
        "between": [timed.low, timed.high if isfinite(timed.high) else None],
        "clearly_slower": timed.clearly_slower,
        "bytes": size,
        "cosine": near,
    }


def _sizes(
    plan: CutPlan, tower: onnx.ModelProto, graph: onnx.ModelProto, pieces: Sequence[onnx.ModelProto]
) -> list[dict[str, Any]]:
    """Bytes of each published piece: in FP32, in its format as it stood in the graph, and slim."""
    plain = [file_bytes(slim(piece)) for piece in extracted(tower, plan.graph_names)]
    before = [file_bytes(piece) for piece in extracted(graph, plan.graph_names)]
    rows = zip(plan.cuts, plain, before, pieces, strict=True)
    return [
        {"cut": name, "fp32": fp32, "before": raw, "after": file_bytes(piece)}
        for name, fp32, raw, piece in rows
    ]


def _comparison(quant_format: QuantFormat, measured: dict[str, Any]) -> str:
    times, size = measured["milliseconds"], measured["bytes"]
    last, near = list(measured["cosine"].items())[-1]
    speed = (
        f"{measured['speed']:.3g} times as fast as FP32 ({times['form']:.1f} ms against {times['fp32']:.1f})"
    )
    share = size["form"] / size["fp32"]
    return f"{quant_format}: {speed}, {share:.3f} of its bytes, cosine {near:.5f} at {last}"


def _outcome(found: Search) -> str:
    unit = "points of accuracy" if found.unit == POINTS else "percent of cosine"
    if not found.in_float:
        return (
            f"all quantised loses {found.before:.3f} {unit}, at most {found.bound:g} is allowed: "
            "nothing stays in float"
        )
    kept = f"{found.in_float} MatMuls stay in float and {found.after:.3f} is lost"
    if not found.holds:
        return (
            f"all quantised loses {found.before:.3f} {unit}; even with all {kept}, more than the "
            f"{found.bound:g} allowed"
        )
    return f"all quantised loses {found.before:.3f} {unit}; {kept}, at most {found.bound:g} is allowed"
