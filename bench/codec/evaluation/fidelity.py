"""Where no right answers are known: how near every next token is to the whole model's."""

from collections.abc import Callable, Sequence
from functools import cached_property

from bench.codec.candidates.tensors import ImageTokens
from bench.codec.evaluation.evaluation_set import EvaluationSet
from bench.codec.evaluation.metrics import Answers, FidelityMetric, Metric, Terms
from protos.measurements import FIDELITY
from splitter.evaluate.fidelity import Fidelity
from splitter.evaluate.verify import ReferenceModel

IDENTICAL = "identical"


class FidelityEvaluator:
    """Fidelity along the whole model's greedy answers, and answers that stay the same word for word."""

    def __init__(
        self,
        reference_model: ReferenceModel,
        evaluation_set: EvaluationSet,
        whole: Callable[[], ImageTokens],
    ) -> None:
        """`whole`: the image tokens that the whole model sees."""
        self._reference_model, self._whole = reference_model, whole
        self._count = len(evaluation_set.pictures)
        self._asked = [(index, question.text) for index, question in evaluation_set.questions]

    @cached_property
    def metrics(self) -> Sequence[Metric]:
        answered = self._fidelity.answered
        tokens = self._summed([len(one.forced) for one in answered])
        return FidelityMetric(FIDELITY, tokens), Metric(IDENTICAL, self._summed([1.0] * len(answered)))

    def answer(self, _tokens: ImageTokens) -> Answers:
        """Answers are the whole model's; each candidate is told what they are."""
        return [list(one.spoken) for one in self._fidelity.answered]

    def terms(self, tokens: ImageTokens, _answers: Answers, _reference: Answers) -> Terms:
        compared = self._fidelity.compared(tokens.tokens, tokens.grids)
        return {
            FIDELITY: self._summed(compared.divergences),
            IDENTICAL: self._summed([float(same) for same in compared.identical]),
        }

    @cached_property
    def _fidelity(self) -> Fidelity:
        tokens, grids = self._whole()
        return Fidelity(self._reference_model, self._asked, lambda: tokens, grids)

    def _summed(self, values: Sequence[float]) -> list[float]:
        """A value for each answer, by the picture that it is about."""
        sums = [0.0] * self._count
        for one, value in zip(self._fidelity.answered, values, strict=True):
            sums[one.picture] += value
        return sums
