"""What a quantised head loses against FP32: points of accuracy where answers are known, else percent of
cosine.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from splitter.evaluate.verify import ReferenceModel, answers, in_batches
from splitter.families import enter
from splitter.graph.chain import Arrays, Chain
from splitter.graph.cut_plan import CutPlan
from splitter.nano.questions import Question, ask_all
from splitter.nano.scenes import CALIBRATION_SEEDS, picture

POINTS, COSINE = "points", "cosine"
PICTURES = {POINTS: 128, COSINE: 16}  # that a loss is measured on


class HeadLoss(Protocol):
    """Of a graph from pixels to the last cut; 0 is what FP32 loses."""

    unit: str

    def of(self, graph: onnx.ModelProto) -> float:
        """How much it loses, in `unit`."""


class CosineLoss:
    """100 * (1 - the mean cosine between each token of the last cut and FP32's), on pictures (n, 3, h, w)."""

    unit = COSINE

    def __init__(self, original: onnx.ModelProto, pixels: NDArray[np.float32], threads: int) -> None:
        self._original, self._pixels, self._threads = original, pixels, threads

    def of(self, graph: onnx.ModelProto) -> float:
        return 100 * (1 - cosine(self._run(graph), self._expected))

    @cached_property
    def _expected(self) -> Arrays:
        return self._run(self._original)

    def _run(self, graph: onnx.ModelProto) -> Arrays:
        return Chain([graph], self._threads).run(self._pixels)[0]


class PointsLoss:
    """Share of questions about calibration scenes that FP32 gets right and the graph does not, in points of
    percent.
    """

    unit = POINTS

    def __init__(
        self,
        original: onnx.ModelProto,
        pixels: NDArray[np.float32],
        threads: int,
        reference: ReferenceModel,
        plan: CutPlan,
    ) -> None:
        """`pixels` (n, 3, h, w): those of the first calibration scenes."""
        self._original, self._pixels, self._threads = original, pixels, threads
        self._reference, self._plan = reference, plan
        self._questions = _scene_questions(len(pixels))

    def of(self, graph: onnx.ModelProto) -> float:
        return self._expected - self._accuracy(graph)

    @cached_property
    def _expected(self) -> float:
        return self._accuracy(self._original)

    @torch.inference_mode()
    def _accuracy(self, graph: onnx.ModelProto) -> float:
        last = self._plan.cuts[-1]
        (reached,) = Chain([graph], self._threads).run(self._pixels)
        boundary = {
            name: torch.from_numpy(values) for name, values in self._plan.boundary(last, reached).items()
        }
        parts = [
            {name: values[rows] for name, values in boundary.items()}
            for rows in in_batches(len(self._pixels))
        ]
        family, model = self._reference.family, self._reference.model
        tokens = torch.cat([enter(family, model, last, part) for part in parts])
        spoken = answers(self._reference, tokens, self._questions, lambda _: None)
        right = [said == asked.answer for (_, asked), said in zip(self._questions, spoken, strict=True)]
        return 100 * float(np.mean(right))


def cosine(arrays: Arrays, reference: Arrays) -> float:
    """Mean cosine along the last axis, over all tensors' tokens."""
    # a picture at a time: doubles are large
    pairs = (pair for name in reference for pair in zip(arrays[name], reference[name], strict=True))
    return float(np.mean(np.concatenate([_cosines(*pair).ravel() for pair in pairs])))


def _cosines(one: NDArray[np.generic], other: NDArray[np.generic]) -> NDArray[np.float64]:
    a, b = (np.asarray(values, np.float64) for values in (one, other))
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    products: NDArray[np.float64] = (a * b).sum(-1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    return products


def _scene_questions(pictures: int) -> Sequence[tuple[int, Question]]:
    rng = np.random.default_rng(CALIBRATION_SEEDS)
    return [
        (i, question)
        for i in range(pictures)
        for question in ask_all(picture(CALIBRATION_SEEDS + i).scene, rng)
    ]
