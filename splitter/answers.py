"""Let a whole model, or its tail, answer many questions at once: what every accuracy in a report is measured with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from splitter.families import Family

_BATCH = 256


@dataclass(frozen=True)
class Prompting:
    """How a question becomes ids: a template with `{question}`, a tokenizer, and the token that stands for image tokens."""

    template: str
    tokenizer: Callable[..., dict[str, list[list[int]]]]
    image_token: int
    stop_tokens: tuple[int, ...]
    decode: Callable[..., str]

    def ids(self, question: str) -> list[int]:
        """The prompt's token ids."""
        return list(self.tokenizer([self.template.replace("{question}", question)], add_special_tokens=False)["input_ids"][0])


def embed(
    family: Family, model: PreTrainedModel, prompting: Prompting, prompts: Sequence[Sequence[int]], tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """Left-padded embeddings (n, length, width) and mask (n, length) of prompts whose image tokens are `tokens` (n, m, width)."""
    length = max(map(len, prompts))
    ids = torch.zeros(len(prompts), length, dtype=torch.long)
    mask = torch.zeros(len(prompts), length, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :] = torch.tensor(prompt)
        mask[row, length - len(prompt) :] = 1
    embedded = family.decoder(model).get_input_embeddings()(ids)
    places = (ids == prompting.image_token).unsqueeze(-1).expand_as(embedded)
    return embedded.masked_scatter(places, tokens.to(embedded.dtype)), mask


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
        embedded, mask = embed(family, model, prompting, [prompts[i] for i in chosen], tokens[[questions[i][0] for i in chosen]])
        output = model.generate(
            inputs_embeds=embedded,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=most_tokens,
            eos_token_id=list(prompting.stop_tokens),
        )
        for i, row in zip(chosen, output, strict=True):
            answers[i] = prompting.decode(row, skip_special_tokens=True).strip()
        advance(len(chosen))
    return answers
