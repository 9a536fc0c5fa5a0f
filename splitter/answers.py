"""Let a whole model, or its tail, answer many questions at once: what every accuracy in a report is measured with."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from splitter.families import Family, Rows

_BATCH = 256


@dataclass(frozen=True)
class Prompting:
    """How a question becomes ids: a template with `{question}`, a tokenizer, and the token that stands for image tokens."""

    template: str
    tokenizer: Callable[..., dict[str, list[list[int]]]]
    image_token: int | None
    stop_tokens: tuple[int, ...]
    decode: Callable[..., str]

    @property
    def image_tokens(self) -> int:
        """How many image tokens a prompt holds."""
        return 0 if self.image_token is None else self.ids("").count(self.image_token)

    def ids(self, question: str) -> list[int]:
        """The prompt's token ids."""
        return list(self.tokenizer([self.template.replace("{question}", question)], add_special_tokens=False)["input_ids"][0])


@torch.inference_mode()
def greedy(
    family: Family,
    model: PreTrainedModel,
    prompting: Prompting,
    tokens: Tensor,
    questions: Sequence[tuple[int, str]],
    most_tokens: int = 64,
    advance: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Answers to questions, each about the picture whose index it names; `tokens` is (pictures, m, width)."""
    answers: list[str] = [""] * len(questions)
    prompts = [prompting.ids(text) for _, text in questions]
    order = sorted(range(len(questions)), key=lambda i: (len(prompts[i]), questions[i][1]))
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        rows = family.rows(model, [prompts[i] for i in chosen], tokens[[questions[i][0] for i in chosen]])
        for i, ids in zip(chosen, _written(rows, len(chosen), prompting.stop_tokens, most_tokens), strict=True):
            answers[i] = prompting.decode(ids, skip_special_tokens=True).strip()
        advance(len(chosen))
    return answers


def _written(rows: Rows, count: int, stop_tokens: Collection[int], most_tokens: int) -> list[list[int]]:
    """The most likely tokens of each row, without the one that stops it."""
    answers: list[list[int]] = [[] for _ in range(count)]
    writing, best = list(range(count)), rows.prefill().argmax(-1).tolist()
    for _ in range(most_tokens):
        staying = [place for place, token in enumerate(best) if token not in stop_tokens]
        writing, best = [writing[place] for place in staying], [best[place] for place in staying]
        for row, token in zip(writing, best, strict=True):
            answers[row].append(token)
        if not writing or len(answers[writing[0]]) == most_tokens:
            break
        rows.keep(staying)
        best = rows.advance(best).argmax(-1).tolist()
    return answers
