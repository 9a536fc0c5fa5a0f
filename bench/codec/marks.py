"""How an exam is marked: measures, each the ratio of two sums over the pictures, and who takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.codec.bootstrap import interval
from bench.codec.halves import Seen

Answers = list[Any]  # what JSON can hold: texts, in whatever order the judge asks
Marks = dict[str, list[float]]  # measure -> a part for each picture


@dataclass(frozen=True)
class Measure:
    """A figure of the model: `factor * sum(parts) / sum(weights)`, one part and one weight a picture."""

    name: str
    weights: Sequence[float]
    factor: float = 100.0

    def value(self, parts: Sequence[float]) -> float:
        return self.factor * sum(parts) / sum(self.weights)


@dataclass(frozen=True)
class Figure:
    """A measure of one way to send, and its change from the whole model's on the same pictures, with the 95%
    interval of that.
    """

    value: float
    change: float
    low: float
    high: float


class Judge(Protocol):
    """How one kind of exam is marked."""

    @property
    def measures(self) -> Sequence[Measure]:
        """What is measured, the most general first."""

    def answer(self, seen: Seen) -> Answers:
        """What the language model says of pictures whose image tokens are given."""

    def marks(self, seen: Seen, said: Answers, reference: Answers) -> Marks:
        """The parts of every measure; `reference` is what the whole model said."""


def figures(
    measures: Sequence[Measure], marks: Mapping[str, Sequence[float]], whole: Mapping[str, Sequence[float]]
) -> dict[str, Figure]:
    """Every measure of one way to send, held against the whole model's marks."""
    return {measure.name: _figure(measure, marks[measure.name], whole[measure.name]) for measure in measures}


def _figure(measure: Measure, parts: Sequence[float], whole: Sequence[float]) -> Figure:
    changes = [measure.factor * (part - other) for part, other in zip(parts, whole, strict=True)]
    value = measure.value(parts)
    return Figure(value, value - measure.value(whole), *interval(changes, measure.weights))
