"""What a loss is measured in: right answers where they are known, else the fidelity of next-token
distributions; or, where the language model is too large to be asked here, image tokens.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from protos.measurements import COSINE, EXACT_MATCH
from protos.pictures.tiles import ONE_TILE, Grid, spans
from splitter.evaluate.fidelity import Answered, Fidelity, padded
from splitter.evaluate.matching import LabelFidelity
from splitter.evaluate.reference import Reference
from splitter.evaluate.scores import Score, exact_match, mean_cosine
from splitter.evaluate.subjects import AGREEMENT
from splitter.evaluate.verify import ReferenceModel, answers
from splitter.nano.questions import Question

ANSWERS, FEATURES = "answers", "features"  # what `isthmus split --measure` may ask for
_Whole = Callable[[], Tensor]  # the image tokens that the whole model sees


class Measure(Protocol):
    """Of image tokens (tiles of all pictures, m, width), how near what follows is to what is right, or to
    what the whole model gives.
    """

    name: str

    @property
    def count(self) -> int:
        """What an accuracy is taken over: answers, or pictures."""

    def of_whole(self) -> Score:
        """The whole model's."""

    def of(self, tokens: Tensor) -> Score:
        """That of an arm that gives the language model these image tokens."""


class ForcedDecoder(Protocol):
    """A decoder beside the whole model's. Image tokens are (tiles, tokens, width) of one picture."""

    def answer(self, tokens: Tensor, question: str, grid: Grid) -> str:
        """Its greedy answer."""

    def forced(self, tokens: Tensor, prompt: Sequence[int], answer: Sequence[int]) -> Tensor:
        """Its logits (len(answer), vocabulary) along an answer."""


class ExactMatch:
    """Greedy answers to questions with one right answer."""

    name = EXACT_MATCH

    def __init__(
        self,
        reference: ReferenceModel,
        questions: Sequence[tuple[int, Question]],
        whole: _Whole,
        grids: Sequence[Grid] = (),
    ) -> None:
        """`grids` of the pictures that the questions are about; none where each is one tile."""
        self._reference, self._questions, self._whole, self._grids = reference, questions, whole, grids

    @property
    def count(self) -> int:
        return len(self._questions)

    def of_whole(self) -> Score:
        return exact_match(self._questions, self._expected, self._expected)

    def of(self, tokens: Tensor) -> Score:
        return exact_match(self._questions, self._answers(tokens), self._expected)

    def of_decoder(self, decoder: ForcedDecoder, tokens: Tensor) -> Score:
        grids = self._grids or [ONE_TILE] * len(tokens)
        tiles = spans(grids)
        found = [decoder.answer(tokens[tiles[i]], question.text, grids[i]) for i, question in self._questions]
        return exact_match(self._questions, found, self._expected)

    @cached_property
    def _expected(self) -> list[str]:
        return self._answers(self._whole())

    def _answers(self, tokens: Tensor) -> list[str]:
        return answers(self._reference, tokens, self._questions, lambda _: None, self._grids)


class AnswerFidelity(Fidelity):
    """The fidelity of the answers, by the whole model's own decoder or another."""

    def of_decoder(self, decoder: ForcedDecoder, tokens: Tensor) -> Score:
        tiles = spans(self._grids or [ONE_TILE] * len(tokens))

        def forced(rows: Sequence[Answered]) -> Tensor:
            return padded([decoder.forced(tokens[tiles[r.picture]], r.prompt, r.forced) for r in rows])

        return self.compared_forced(forced).score


class Features:
    """The image tokens themselves: their mean cosine with the whole model's, and the relative error of each
    picture's.
    """

    name = COSINE

    def __init__(self, whole: _Whole, grids: Sequence[Grid]) -> None:
        self._whole, self._grids = whole, grids

    @property
    def count(self) -> int:
        return len(self._grids)

    def of_whole(self) -> Score:
        return self.of(self._whole())

    def of(self, tokens: Tensor) -> Score:
        whole = self._whole()
        cosines = torch.nn.functional.cosine_similarity(tokens, whole, dim=-1).double()
        pictures = spans(self._grids)
        errors = [float((tokens[tiles] - whole[tiles]).norm() / whole[tiles].norm()) for tiles in pictures]
        sums = [float(cosines[tiles].sum()) for tiles in pictures]
        return mean_cosine(sums, [cosines[tiles].numel() for tiles in pictures], errors)


def measure_of(
    reference: Reference, questions: Sequence[tuple[int, Question]], grids: Sequence[Grid], whole: _Whole
) -> Measure:
    """What losses are measured in, for the kind of reference model that there is; `grids` of the pictures
    that the questions are about, `whole` the image tokens that the whole model sees of them.
    """
    if dual_encoder := reference.dual_encoder():
        return LabelFidelity(dual_encoder, whole)
    if not reference.answers:
        return Features(whole, grids)
    model = reference.generative()
    if any(question.kind == AGREEMENT for _, question in questions):
        asked = [(index, question.text) for index, question in questions]
        return AnswerFidelity(model, asked, whole, grids)
    return ExactMatch(model, questions, whole, grids)
