"""How well a model of the built-in kind answers held-out questions, and how much of that it owes to
looking.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splitter.evaluate.answers import Prompting, greedy
from splitter.evaluate.scores import Score, exact_match
from splitter.evaluate.verify import image_tokens
from splitter.families import family, generative
from splitter.families.loading import load_model, load_processor
from splitter.families.prompt import prompt_of, tokenizer_of
from splitter.nano import WEIGHTS
from splitter.nano.questions import KINDS, Question, ask
from splitter.nano.scenes import HELD_OUT_SEEDS, SIDE, Raster, picture

DESCRIBE = "describe"


@dataclass(frozen=True)
class Evaluation:
    """Scores of the model with the picture, with a grey one and with another scene's; `chance`: always the
    commonest answer.
    """

    questions: Counter[str]
    seeing: Score
    grey: Score
    swapped: Score
    chance: dict[str, float]

    def overall(self, scored: Score) -> float:
        """Exact match in percent over all questions but "describe"."""
        kinds = {kind: count for kind, count in self.questions.items() if kind != DESCRIBE}
        return sum(scored.by_kind[kind] * count for kind, count in kinds.items()) / sum(kinds.values())


def held_out(questions: int) -> tuple[list[Raster], list[tuple[int, Question]]]:
    """So many questions, as many of each kind as can be, about scenes of unseen seeds: two of them a
    scene.
    """
    rng = np.random.default_rng(HELD_OUT_SEEDS)
    images: list[Raster] = []
    asked: list[tuple[int, Question]] = []
    while len(asked) < questions:
        drawn = picture(HELD_OUT_SEEDS + len(images))
        for turn in range(2):
            question = ask(drawn.scene, KINDS[(2 * len(images) + turn) % len(KINDS)], rng)
            if question:
                asked.append((len(images), question))
        images.append(drawn.image)
    return images, asked[:questions]


@torch.inference_mode()
def evaluate(
    folder: Path = WEIGHTS, questions: int = 2000, advance: Callable[[int], None] = lambda _: None
) -> Evaluation:
    """Ask every question three times: about its picture, about grey, about the next scene. `advance` counts
    answers.
    """
    model, processor = load_model(folder), load_processor(folder)
    kind = generative(family(model.config.model_type))
    tokenizer = tokenizer_of(processor)
    prompting = Prompting(prompt_of(kind, model, processor, tokenizer), tokenizer)
    images, asked = held_out(questions)

    def see(pictures: list[Raster]) -> Tensor:
        return image_tokens(kind, model, kind.pixels(processor, pictures))

    def scored(tokens: Tensor) -> Score:
        texts = [(index, question.text) for index, question in asked]
        answers = greedy(kind, model, prompting, tokens, texts, advance=advance)
        return exact_match(asked, answers, answers)

    tokens = see(images)
    grey = see([np.full((SIDE, SIDE, 3), 128, np.uint8)]).expand(len(images), -1, -1)
    return Evaluation(
        Counter(q.kind for _, q in asked),
        scored(tokens),
        scored(grey),
        scored(tokens.roll(1, 0)),
        _chance(asked),
    )


def _chance(asked: list[tuple[int, Question]]) -> dict[str, float]:
    """What always giving a kind's commonest answer would score, in percent."""
    answers: dict[str, Counter[str]] = {}
    for _, question in asked:
        answers.setdefault(question.kind, Counter())[question.answer] += 1
    return {kind: 100 * counts.most_common(1)[0][1] / counts.total() for kind, counts in answers.items()}
