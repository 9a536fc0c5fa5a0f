"""What a form of the head loses against FP32: points of accuracy where answers are known, else percent of
cosine.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from splitter.evaluate.measures import Answers
from splitter.evaluate.verify import in_batches
from splitter.families import enter
from splitter.graph.chain import Arrays, Chain
from splitter.nano.questions import Question, ask_all
from splitter.nano.scenes import CALIBRATION_SEEDS, picture
from splitter.stages.work import Work

POINTS, COSINE = "points", "cosine"
_PICTURES = {POINTS: 128, COSINE: 16}


class Loss(Protocol):
    """Of a graph from pixels to the last cut; 0 is what FP32 loses."""

    unit: str

    def of(self, graph: onnx.ModelProto) -> float:
        """How much it loses, in `unit`."""


def loss_of(work: Work, original: onnx.ModelProto) -> Loss:
    """Points where the subject is the built-in scenes and the language model can be asked about them, else
    cosine.
    """
    known = work.options.calibration is None and work.with_language
    return PointsLoss(work, original) if known else CosineLoss(work, original)


class CosineLoss:
    """100 * (1 - the mean cosine between each token of the last cut and FP32's), on calibration pictures."""

    unit = COSINE

    def __init__(self, work: Work, original: onnx.ModelProto, pictures: int = _PICTURES[COSINE]) -> None:
        self._threads = work.options.threads
        self._pixels = pixels(work, pictures)
        self._reference = self._run(original)

    def of(self, graph: onnx.ModelProto) -> float:
        return 100 * (1 - cosine(self._run(graph), self._reference))

    def _run(self, graph: onnx.ModelProto) -> Arrays:
        return Chain([graph], self._threads).run(self._pixels)[0]


class PointsLoss:
    """Share of questions about calibration scenes that FP32 gets right and the graph does not, in points of
    percent.
    """

    unit = POINTS

    def __init__(self, work: Work, original: onnx.ModelProto) -> None:
        self._work, self._pixels = work, pixels(work, _PICTURES[POINTS])
        self._measure = Answers(work.speaker, _scene_questions(len(self._pixels)))
        self._reference = self._accuracy(original)

    def of(self, graph: onnx.ModelProto) -> float:
        return self._reference - self._accuracy(graph)

    @torch.inference_mode()
    def _accuracy(self, graph: onnx.ModelProto) -> float:
        whole, last = self._work.whole, self._work.cuts[-1]
        (reached,) = Chain([graph], self._work.options.threads).run(self._pixels)
        boundary = {
            name: torch.from_numpy(values) for name, values in self._work.boundary(last, reached).items()
        }
        parts = [
            {name: values[rows] for name, values in boundary.items()}
            for rows in in_batches(len(self._pixels))
        ]
        spoken = self._measure.outcome(
            torch.cat([enter(whole.family, whole.model, last, part) for part in parts])
        )
        return self._measure.score(spoken, spoken).accuracy


def pixels(work: Work, most: int) -> NDArray[np.float32]:
    """So many calibration pictures, or all there are."""
    seen = work.subject.calibration
    return work.pixels([seen[index] for index in range(min(most, len(seen)))])


def cosine(arrays: Arrays, reference: Arrays) -> float:
    """Mean cosine along the last axis, over all tensors' tokens."""
    pairs = (
        pair for name in reference for pair in zip(arrays[name], reference[name], strict=True)
    )  # a picture at a time: doubles are large
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
