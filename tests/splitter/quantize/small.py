"""A split of the small tower, as far as its precision goes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.preprocessor import Preprocessor
from splitter.evaluate.reference import Reference
from splitter.evaluate.subjects import Image, Subject
from splitter.families import family
from splitter.graph.cut import cut
from splitter.graph.cut_plan import CutPlan
from splitter.quantize.loss import CosineLoss
from splitter.quantize.mixed_precision import products
from splitter.quantize.search import EFFECT_PICTURES, LossMeter, Search, search
from splitter.recipe import Options
from splitter.stages.quantise import QuantisedHead, quantise
from splitter.stages.run import Run, Say
from tests.splitter.quantize.graphs import CUTS, SIDE
from tests.splitter.runs import run_of

Working = Callable[..., "Small"]
PLAN = CutPlan({name.split("/")[0]: [name.split("/")[1]] for (name,) in CUTS})


class Plain(Preprocessor):
    """Pixels as they are, but for their mean and deviation."""

    def pixels(self, pictures: Any) -> NDArray[np.float32]:
        made = [(picture.transpose(2, 0, 1) / 255 - 0.5) / 0.25 for picture in pictures]
        return np.stack(made).astype(np.float32)


@dataclass(frozen=True)
class Small:
    """Its pictures are noise, and there is no language model to ask."""

    run: Run
    reference: Reference
    evaluation: EvaluationSet

    def quantise(self, tower: onnx.ModelProto) -> QuantisedHead:
        return quantise(self.run, self.reference, self.evaluation, PLAN, tower)

    def search(self, original: onnx.ModelProto, quantised: onnx.ModelProto, bound: float) -> Search:
        (exact,), (graph,) = (cut(model, PLAN.graph_names[-1:]) for model in (original, quantised))
        loss, effect_loss = (
            CosineLoss(exact, self.evaluation.calibration(most), 1) for most in (16, EFFECT_PICTURES)
        )
        meter = LossMeter(exact, graph, loss, effect_loss, self.run.parts, self.run.advance)
        return search(meter, products(original), bound)


def small(options: Options, folder: Path, say: Say) -> Small:
    """Called again for the same folder, it goes on where the first stopped."""
    kind = family("idefics3")
    return Small(
        run_of(options, folder, say),
        Reference(kind, refuse, with_language=False),
        EvaluationSet(noise(), Plain(kind, None, (3, SIDE, SIDE))),  # type: ignore[arg-type]
    )


def refuse() -> Any:
    raise AssertionError("no model is needed")


def noise() -> Subject:
    pictures: list[Image] = list(np.random.default_rng(7).integers(0, 256, (12, SIDE, SIDE, 3), np.uint8))
    return Subject(pictures[:8], pictures[8:], [])
