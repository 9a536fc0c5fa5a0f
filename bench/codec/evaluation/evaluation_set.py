"""The evaluation set: pictures that no fitting has seen, with questions about them or captions of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.rig.arguments import NANO
from splitter.evaluate.subjects import Image
from splitter.nano.questions import Question, ask_all
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

ALL = "all"  # stands for the questions of every kind
# apart from those of the evaluation, the report and the demonstration
BENCH_SEEDS = HELD_OUT_SEEDS + 20_000_000
KNOWN_SEEDS = BENCH_SEEDS + 10_000_000  # of scenes that an attacker may learn from


@dataclass(frozen=True)
class EvaluationSet:
    """Pictures, RGB uint8 (h, w, 3), with questions or captions by the index of their picture; one of the two
    is empty.

    A question of kind "agreement" has no answer of its own: the whole model's counts. `left_out` pictures
    were fitted on.
    """

    name: str
    pictures: Sequence[Image]
    questions: Sequence[tuple[int, Question]] = ()
    captions: Sequence[tuple[int, str]] = ()
    left_out: int = 0

    @property
    def digest(self) -> str:
        """The hex SHA-256 of pictures, questions and captions."""
        state = hashlib.sha256(repr((self.questions, self.captions)).encode())
        for image in self.pictures:
            state.update(repr(image.shape).encode() + image.tobytes())
        return state.hexdigest()


def scenes(count: int) -> EvaluationSet:
    """Drawn scenes and one question of each kind about each, as far as the scene allows."""
    drawn = [picture(BENCH_SEEDS + index) for index in range(count)]
    questions = [
        (i, q)
        for i, one in enumerate(drawn)
        for q in ask_all(one.scene, np.random.default_rng(BENCH_SEEDS + i))
    ]
    return EvaluationSet(NANO, [one.image for one in drawn], questions)
