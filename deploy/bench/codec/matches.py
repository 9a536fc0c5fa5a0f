"""What a dual encoder finds: the best label of a picture, its own caption among all, and how far its embedding moves."""

from collections.abc import Sequence

import torch
from torch import Tensor

from deploy.bench.codec.exam import Exam
from deploy.bench.codec.marks import Answers, Marks, Measure
from splitter.families.texts import embed_texts
from splitter.measuring.matching import Agreement, Matcher

LABEL, OWN, COSINE = "best label", "own caption", "cosine"


class Matches:
    """Percent of best labels that are the whole model's, of pictures nearest to a caption of their own, and the mean cosine times 100.

    An answer is the best label's place and the embedding, of length 1.
    """

    def __init__(self, matcher: Matcher, exam: Exam) -> None:
        self._agreement, count = Agreement(matcher), len(exam.pictures)
        self._owners = [index for index, _ in exam.captions]
        self._captions = (
            embed_texts(matcher.family, matcher.model, matcher.tokenizer, [text for _, text in exam.captions]) if self._owners else None
        )
        names = (LABEL, *((OWN,) if self._owners else ()), COSINE)
        self.measures: Sequence[Measure] = [Measure(name, [1.0] * count) for name in names]

    def answer(self, tokens: Tensor) -> Answers:
        embeddings, best = self._agreement.outcome(tokens)
        return list(zip(best.tolist(), embeddings.tolist(), strict=True))

    def marks(self, _tokens: Tensor, said: Answers, reference: Answers) -> Marks:
        ours, whole = (torch.tensor([embedding for _, embedding in those]) for those in (said, reference))
        marks = {
            LABEL: [float(one[0] == other[0]) for one, other in zip(said, reference, strict=True)],
            COSINE: (ours * whole).sum(1).tolist(),
        }
        if self._captions is not None:
            nearest = (ours @ self._captions.T).argmax(1).tolist()
            marks[OWN] = [float(self._owners[caption] == index) for index, caption in enumerate(nearest)]
        return marks
