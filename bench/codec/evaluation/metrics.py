"""Metrics: each the ratio of two sums over the pictures. Evaluators: what computes their terms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.codec.candidates.tensors import ImageTokens
from splitter.evaluate.intervals import interval

Answers = list[Any]  # what JSON can hold; each evaluator has an order of its own
Terms = dict[str, list[float]]  # metric -> a term of the numerator for each picture


@dataclass(frozen=True)
class Metric:
    """A figure of the model: `factor * sum(terms) / sum(weights)`, one term and one weight a picture."""

    name: str
    weights: Sequence[float]
    factor: float = 100.0

    def value(self, terms: Sequence[float]) -> float:
        return self.factor * sum(terms) / sum(self.weights)

    def change(self, terms: Sequence[float], whole: Sequence[float]) -> tuple[float, float]:
        """The 95% interval of the change from the whole model's value."""
        changes = [self.factor * (term - other) for term, other in zip(terms, whole, strict=True)]
        return interval(changes, self.weights)


class FidelityMetric(Metric):
    """100 exp(-mean divergence), as splitter/evaluate/fidelity.py has it: terms are nats, weights tokens. The
    whole model's terms are 0.
    """

    def value(self, terms: Sequence[float]) -> float:
        return 100 * math.exp(-sum(terms) / sum(self.weights))

    def change(self, terms: Sequence[float], _whole: Sequence[float]) -> tuple[float, float]:
        least, most = interval(terms, self.weights)
        return 100 * math.exp(-most) - 100, 100 * math.exp(-least) - 100


@dataclass(frozen=True)
class Figure:
    """A metric of one candidate, and its change from the whole model's on the same pictures, with the 95%
    interval of that change.
    """

    value: float
    change: float
    low: float
    high: float


class Evaluator(Protocol):
    """The metrics of one kind of evaluation set."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """The most general first."""

    def answer(self, tokens: ImageTokens) -> Answers:
        """What the model says of pictures whose image tokens are given."""

    def terms(self, tokens: ImageTokens, answers: Answers, reference: Answers) -> Terms:
        """The terms of every metric; `reference` is what the whole model says."""


def figures(
    metrics: Sequence[Metric], terms: Mapping[str, Sequence[float]], whole: Mapping[str, Sequence[float]]
) -> dict[str, Figure]:
    """Every metric of one candidate, compared with the whole model's terms."""
    return {metric.name: _figure(metric, terms[metric.name], whole[metric.name]) for metric in metrics}


def _figure(metric: Metric, terms: Sequence[float], whole: Sequence[float]) -> Figure:
    value = metric.value(terms)
    return Figure(value, value - metric.value(whole), *metric.change(terms, whole))
