"""What a loss is measured in: answers to questions, or, where the language model is too large to be asked
here, image tokens.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from protos.pictures.tiles import Grid
from splitter.evaluate.matching import Agreement
from splitter.evaluate.reference import Reference
from splitter.evaluate.verify import ReferenceModel, Score, answers, score
from splitter.nano.questions import Question

ANSWERS, FEATURES = "answers", "features"


class Measure(Protocol):
    """Of image tokens (tiles of all pictures, m, width), what counts, and how near that is to what the whole
    model gives.
    """

    name: str

    def outcome(self, tokens: Tensor) -> Any:
        """What is compared."""

    def score(self, outcome: Any, reference: Any) -> Score:
        """An outcome against the whole model's; in percent."""


class Answers:
    """Greedy answers to questions, right or wrong."""

    name = ANSWERS

    def __init__(
        self, reference: ReferenceModel, questions: Sequence[tuple[int, Question]], grids: Sequence[Grid] = ()
    ) -> None:
        """`grids` of the pictures that the questions are about; none where each is one tile."""
        self._reference, self._questions, self._grids = reference, questions, grids

    def outcome(self, tokens: Tensor) -> list[str]:
        return answers(self._reference, tokens, self._questions, lambda _: None, self._grids)

    def score(self, outcome: list[str], reference: list[str]) -> Score:
        return score(self._questions, outcome, reference)


class Features:
    """The image tokens themselves: their mean cosine with the whole model's, and the relative error of each
    picture's.
    """

    name = FEATURES

    def outcome(self, tokens: Tensor) -> Tensor:
        return tokens

    def score(self, outcome: Tensor, reference: Tensor) -> Score:
        cosine = 100 * torch.nn.functional.cosine_similarity(outcome, reference, dim=-1).mean().item()
        error = (outcome - reference).flatten(1).norm(dim=1) / reference.flatten(1).norm(dim=1)
        return Score(cosine, {"cosine": cosine, "relative error": 100 * error.mean().item()})


def measure_of(
    reference: Reference, questions: Sequence[tuple[int, Question]], grids: Sequence[Grid]
) -> Measure:
    """What losses are measured in, for the kind of reference model that there is; `grids` of the pictures
    that the questions are about.
    """
    if dual_encoder := reference.dual_encoder():
        return Agreement(dual_encoder)
    return Answers(reference.generative(), questions, grids) if reference.answers else Features()
