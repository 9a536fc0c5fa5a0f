"""What a loss is measured in: right answers where they are known, else the fidelity of next-token
distributions; or, where the language model is too large to be asked here, image tokens.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from protos.measurements import COSINE, EXACT_MATCH
from protos.pictures.tiles import ONE_TILE, Grid, spans
from splitter.evaluate.fidelity import Answered, Compared, Fidelity, padded
from splitter.evaluate.matching import LabelFidelity
from splitter.evaluate.reference import Reference
from splitter.evaluate.scores import Score, exact_match, mean_cosine
from splitter.evaluate.subjects import AGREEMENT
from splitter.evaluate.verify import ReferenceModel, answers
from splitter.nano.questions import Question

ANSWERS, FEATURES = "answers", "features"  # what `isthmus split --measure` may ask for
_Whole = Callable[[], Tensor]  # the image tokens that the whole model sees
Outcome = TypeVar("Outcome")  # what an arm made of one question
Given_contra = TypeVar("Given_contra", contravariant=True)  # the same, only taken


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

    def answer(self, tokens: Tensor, question: str, grid: Grid) -> tuple[str, float]:
        """Its greedy answer, and the raw confidence in it."""

    def forced(self, tokens: Tensor, prompt: Sequence[int], answer: Sequence[int]) -> Tensor:
        """Its logits (len(answer), vocabulary) along an answer."""


class ForeignModel(Protocol):
    """A model of other words and with other eyes beside the whole one. Pictures are named by their places."""

    def answer(self, picture: int, question: str) -> tuple[str, float]:
        """Its greedy answer, and the raw confidence in it."""

    def surprisal(self, picture: int, question: str, text: str, *, ended: bool) -> float:
        """Nats by which an answer surprises it."""


class Outcomes(Protocol[Given_contra]):
    """What became of each answer, so that answers of two arms can be mixed."""

    @property
    def owners(self) -> list[int]:
        """The picture that each is about."""

    def agreeing(self, outcomes: Sequence[Given_contra]) -> list[bool]:
        """Whether the answers are the whole model's, word for word."""

    def scored(self, outcomes: Sequence[Given_contra]) -> Score:
        """All together."""


class Answers(Outcomes[Outcome], Protocol[Outcome]):
    """A measure that tells of each answer what became of it."""

    def each(self, tokens: Tensor) -> list[Outcome]:
        """Of an arm that gives the language model these image tokens."""

    def each_of_decoder(self, decoder: ForcedDecoder, tokens: Tensor) -> tuple[list[Outcome], list[float]]:
        """Of another decoder; and its raw confidence in each."""

    def each_of_model(self, model: ForeignModel) -> tuple[list[Outcome], list[float]]:
        """The same of another model, whose next tokens cannot be compared with the whole model's."""


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

    @property
    def owners(self) -> list[int]:
        return [index for index, _ in self._questions]

    def of_whole(self) -> Score:
        return self.scored(self._expected)

    def of(self, tokens: Tensor) -> Score:
        return self.scored(self.each(tokens))

    def each(self, tokens: Tensor) -> list[str]:
        return answers(self._reference, tokens, self._questions, lambda _: None, self._grids)

    def each_of_decoder(self, decoder: ForcedDecoder, tokens: Tensor) -> tuple[list[str], list[float]]:
        grids = self._grids or [ONE_TILE] * len(tokens)
        tiles = spans(grids)
        written = [decoder.answer(tokens[tiles[i]], asked.text, grids[i]) for i, asked in self._questions]
        return [text for text, _ in written], [confidence for _, confidence in written]

    def each_of_model(self, model: ForeignModel) -> tuple[list[str], list[float]]:
        written = [model.answer(i, asked.text) for i, asked in self._questions]
        return [text for text, _ in written], [confidence for _, confidence in written]

    def agreeing(self, outcomes: Sequence[str]) -> list[bool]:
        return [one == other for one, other in zip(outcomes, self._expected, strict=True)]

    def scored(self, outcomes: Sequence[str]) -> Score:
        return exact_match(self._questions, outcomes, self._expected)

    @cached_property
    def _expected(self) -> list[str]:
        return self.each(self._whole())


class AnswerFidelity(Fidelity):
    """The fidelity of the answers, by the whole model's own decoder or another. An outcome is the sum of an
    answer's divergences, and whether it is the whole model's.
    """

    @property
    def owners(self) -> list[int]:
        return [one.picture for one in self.answered]

    def each(self, tokens: Tensor) -> list[tuple[float, bool]]:
        return self.compared(tokens).each

    def each_of_decoder(
        self, decoder: ForcedDecoder, tokens: Tensor
    ) -> tuple[list[tuple[float, bool]], list[float]]:
        tiles = spans(self._grids or [ONE_TILE] * len(tokens))

        def forced(rows: Sequence[Answered]) -> Tensor:
            return padded([decoder.forced(tokens[tiles[r.picture]], r.prompt, r.forced) for r in rows])

        written = [decoder.answer(tokens[tiles[r.picture]], r.question, r.grid) for r in self.answered]
        return self.compared_forced(forced).each, [confidence for _, confidence in written]

    def each_of_model(self, model: ForeignModel) -> tuple[list[tuple[float, bool]], list[float]]:
        """An answer's divergence is how much more it surprises that model than the whole one, which gave it;
        at least nothing: see fidelity.py.
        """
        written = [model.answer(r.picture, r.question) for r in self.answered]
        decode = self._reference.prompting.decode
        outcomes = []
        for row, own, (text, _) in zip(self.answered, self.surprisals(), written, strict=True):
            said, ended = decode(row.spoken), len(row.forced) > len(row.spoken)
            other = model.surprisal(row.picture, row.question, said, ended=ended)
            outcomes.append((max(0.0, other - own), text == said))
        return outcomes, [confidence for _, confidence in written]

    def agreeing(self, outcomes: Sequence[tuple[float, bool]]) -> list[bool]:
        return [identical for _, identical in outcomes]

    def scored(self, outcomes: Sequence[tuple[float, bool]]) -> Score:
        sums, identical = zip(*outcomes, strict=True)
        return Compared(self.answered, sums, identical).score


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
