"""Small model: another checkpoint that answers on the device, read, gated and quantised as the model itself
is, so that what a device does with it is what its makers' code does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx

from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.reference import Reference
from splitter.families.loading import Checkpoint
from splitter.graph.cut import cut
from splitter.graph.cut_plan import CutPlan, boundary_tensors
from splitter.recipe import model_name
from splitter.stages.gate import export, gate
from splitter.stages.load import preprocessor_of, reference_of
from splitter.stages.quantise import in_format
from splitter.stages.request_gate import request_gate
from splitter.stages.run import Run
from splitter.stages.smooth import smoothed


@dataclass(frozen=True)
class SmallModel:
    """`evaluation`: the pictures that the whole model is measured on, as this one takes them; `pieces`: one,
    from pixels to image tokens.
    """

    name: str
    checkpoint: Checkpoint
    reference: Reference
    evaluation: EvaluationSet
    plan: CutPlan
    pieces: Sequence[onnx.ModelProto]


def small_model(run: Run, evaluation: EvaluationSet) -> SmallModel | None:
    """None where the device answers from the image tokens of the head. Raises CheckpointError for one that
    head and decoder would not equal.
    """
    folder = run.options.local.checkpoint
    if folder is None:
        return None
    own = replace(run, options=replace(run.options, checkpoint=folder), parts=run.parts.apart("small"))
    name = model_name(own.options)
    run.say(f"the device answers with {name}")
    checkpoint = Checkpoint(folder)
    preprocessor = preprocessor_of(checkpoint)
    reference = reference_of(own, checkpoint, preprocessor, with_language=True)
    seen = EvaluationSet(evaluation.subject, preprocessor)
    request_gate(own, checkpoint, reference, seen)
    last = checkpoint.family.after_layers(checkpoint.empty)
    plan = CutPlan(
        own.parts.value(
            "boundaries", lambda: boundary_tensors(reference.family, reference.get().model, [*last][-1:])
        )
    )
    tower = smoothed(own, seen, export(own, reference))
    gate(own, reference, seen, plan, tower)
    pieces = cut(in_format(own, seen, tower), plan.graph_names)
    return SmallModel(name, checkpoint, reference, seen, plan, pieces)
