"""Questions with one right answer, or with the whole model's."""

from bench.codec.exam import ALL, Exam
from bench.codec.halves import Seen
from bench.codec.marks import Answers, Marks, Measure
from splitter.evaluate.subjects import AGREEMENT
from splitter.evaluate.verify import ReferenceModel, answers


class Questions:
    """Right answers in percent, over all questions and by kind."""

    def __init__(self, whole: ReferenceModel, exam: Exam) -> None:
        self._whole, self._exam = whole, exam
        self.kinds = tuple(dict.fromkeys(question.kind for _, question in exam.questions))
        self.measures = tuple(Measure(name, self._asked(name)) for name in (ALL, *self.kinds))

    def answer(self, seen: Seen) -> Answers:
        return answers(self._whole, seen.tokens, self._exam.questions, lambda _: None, seen.grids)

    def marks(self, _seen: Seen, said: Answers, reference: Answers) -> Marks:
        parts = {measure.name: [0.0] * len(self._exam.pictures) for measure in self.measures}
        for (index, question), answer, other in zip(self._exam.questions, said, reference, strict=True):
            wanted = other if question.kind == AGREEMENT else question.answer
            for name in (ALL, question.kind):
                parts[name][index] += answer == wanted
        return parts

    def _asked(self, name: str) -> list[float]:
        """How many questions there are about each picture."""
        asked = [0.0] * len(self._exam.pictures)
        for index, question in self._exam.questions:
            asked[index] += name in (ALL, question.kind)
        return asked
