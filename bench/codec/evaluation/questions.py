"""Questions with one right answer."""

from bench.codec.candidates.tensors import ImageTokens
from bench.codec.evaluation.evaluation_set import ALL, EvaluationSet
from bench.codec.evaluation.metrics import Answers, Metric, Terms
from splitter.evaluate.verify import ReferenceModel, answers


class QuestionEvaluator:
    """Right answers in percent, over all questions and by kind."""

    def __init__(self, reference_model: ReferenceModel, evaluation_set: EvaluationSet) -> None:
        self._reference_model, self._evaluation_set = reference_model, evaluation_set
        self.kinds = tuple(dict.fromkeys(question.kind for _, question in evaluation_set.questions))
        self.metrics = tuple(Metric(name, self._counts(name)) for name in (ALL, *self.kinds))

    def answer(self, tokens: ImageTokens) -> Answers:
        questions = self._evaluation_set.questions
        return answers(self._reference_model, tokens.tokens, questions, lambda _: None, tokens.grids)

    def terms(self, _tokens: ImageTokens, answers: Answers, _reference: Answers) -> Terms:
        terms = {metric.name: [0.0] * len(self._evaluation_set.pictures) for metric in self.metrics}
        for (index, question), answer in zip(self._evaluation_set.questions, answers, strict=True):
            for name in (ALL, question.kind):
                terms[name][index] += answer == question.answer
        return terms

    def _counts(self, name: str) -> list[float]:
        """How many questions there are about each picture."""
        counts = [0.0] * len(self._evaluation_set.pictures)
        for index, question in self._evaluation_set.questions:
            counts[index] += name in (ALL, question.kind)
        return counts
