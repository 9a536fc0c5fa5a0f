"""How sure a model is of an answer that it writes: raw from its logits, and as a probability.

The raw confidence of an answer is that of its least sure token, the end of the answer among them:

    raw = min over tokens of p(first) - p(second)

p are the probabilities by which the token was chosen, first and second the two most likely. One wrong word
makes an answer wrong, so the least sure one tells more than the mean.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from protos import bundle_pb2 as pb


class AnswerConfidence:
    """Of one answer, told of each step."""

    def __init__(self) -> None:
        self._least: float | None = None

    @property
    def raw(self) -> float:
        """From 0 to 1; 0 where no token was told of."""
        return self._least or 0.0

    def add(self, logits: ArrayLike) -> None:
        """A token was chosen by these logits (vocabulary)."""
        margin = top_margin(logits)
        self._least = margin if self._least is None else min(self._least, margin)


def top_margin(logits: ArrayLike) -> float:
    """How much likelier the most likely token is than the next."""
    values = np.asarray(logits, np.float64)
    first, second = np.partition(values, -2)[[-1, -2]]
    total = float(np.exp(values - first).sum())
    return float((1 - np.exp(second - first)) / total)


def probability(knots: Sequence[pb.Knot], raw: float) -> float:
    """That an answer of this raw confidence agrees with the whole model's, by a calibration's knots."""
    return float(np.interp(raw, [knot.raw for knot in knots], [knot.agreement for knot in knots]))
