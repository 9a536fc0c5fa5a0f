"""Export the tower, and let it through the identity gate: head and tail must equal the whole model."""

from collections.abc import Sequence

import numpy as np
import onnx
import torch

from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.evaluate.verify import identity_difference, token_difference
from splitter.families import Boundary, Matching
from splitter.graph.chain import reached
from splitter.graph.cut import extracted
from splitter.graph.cut_plan import CutPlan
from splitter.graph.export import export_tower
from splitter.stages.run import Run

_QUESTIONS = 6


def export(run: Run, reference: Reference) -> onnx.ModelProto:
    """The FP32 tower, exported once."""
    return run.parts.model("tower-fp32", lambda: export_tower(reference.family, reference.get().model))


def gate(
    run: Run, reference: Reference, evaluation: EvaluationSet, plan: CutPlan, tower: onnx.ModelProto
) -> dict[str, float]:
    """The largest difference between head and tail and the whole model, by cut. Raises CheckpointError where
    it is too large.
    """
    differences: dict[str, float] = run.parts.value(
        "identity", lambda: _differences(run, reference, evaluation, plan, tower)
    )
    reference.release()
    worst = max(differences.values())
    run.say(
        "identity: head + tail equal the whole model at every cut (largest difference of "
        f"{_compared(reference)} {worst:.1e})"
    )
    return differences


def _compared(reference: Reference) -> str:
    if isinstance(reference.family, Matching):
        return "embeddings"
    if reference.answers:
        return "logits"
    return "image tokens; the language model behind them is the same code on the same tokens"


def _differences(
    run: Run, reference: Reference, evaluation: EvaluationSet, plan: CutPlan, tower: onnx.ModelProto
) -> dict[str, float]:
    """At each cut, for a picture of each kind of question."""
    by_kind = {question.kind: (index, question.text) for index, question in evaluation.subject.questions}
    asked = list(by_kind.values())[:_QUESTIONS]
    pixels = np.concatenate([evaluation.held_out[evaluation.spans[index]] for index, _ in asked])
    outputs = reached(extracted(tower, plan.graph_names), pixels)
    differences = {}
    for done, (cut, arrays) in enumerate(zip(plan.cuts, outputs, strict=True)):
        run.advance("identity gate", done, len(plan.cuts))
        boundary = {name: torch.from_numpy(values) for name, values in plan.boundary(cut, arrays).items()}
        differences[cut] = _difference(reference, evaluation, cut, torch.from_numpy(pixels), boundary, asked)
    return differences


def _difference(
    reference: Reference,
    evaluation: EvaluationSet,
    cut: str,
    pixels: torch.Tensor,
    boundary: Boundary,
    asked: Sequence[tuple[int, str]],
) -> float:
    if dual_encoder := reference.dual_encoder():
        return dual_encoder.difference(cut, pixels, boundary)
    if not reference.answers:
        return token_difference(reference.generative(), cut, pixels, boundary)
    grids = [evaluation.grids[index] for index, _ in asked]
    questions = [text for _, text in asked]
    return identity_difference(reference.generative(), cut, pixels, boundary, questions, grids)
