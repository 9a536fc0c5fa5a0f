"""Let a whole model, or its tail, answer many questions at once: what every accuracy in a report is measured
with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.pictures.tiles import ONE_TILE, Grid, spans
from protos.text.decoding import LogitsProcessor
from protos.text.prompt import here_and_now, write_prompt
from splitter.families import DecoderBatch, Generative

_BATCH, _BATCH_TOKENS = 256, 32_768  # prompts side by side, and the tokens in them


@dataclass(frozen=True)
class Prompting:
    """How a question becomes ids and ids an answer: a bundle's prompt and its tokenizer, and nothing of
    transformers.
    """

    prompt: pb.Prompt
    tokenizer: Tokenizer

    @property
    def stop_tokens(self) -> tuple[int, ...]:
        return tuple(self.prompt.stop_tokens)

    @cached_property
    def logits_processor(self) -> LogitsProcessor:
        """What is done to the logits before the most likely token is taken."""
        return LogitsProcessor(self.prompt.decoding, self.stop_tokens)

    def ids(self, question: str, grid: Grid = ONE_TILE) -> list[int]:
        """The prompt's token ids, for a picture of this grid of tiles."""
        return self.tokens(write_prompt(self.prompt, question, grid, here_and_now()))

    def tokens(self, text: str) -> list[int]:
        """The token ids of a text as it is."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """An answer's text."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()


def greedy(
    family: Generative,
    model: PreTrainedModel,
    prompting: Prompting,
    tokens: Tensor,
    questions: Sequence[tuple[int, str]],
    max_tokens: int = 64,
    advance: Callable[[int], None] = lambda _: None,
    grids: Sequence[Grid] = (),
) -> list[str]:
    """The texts of `greedy_tokens`."""
    found = greedy_tokens(family, model, prompting, tokens, questions, max_tokens, advance, grids)
    return [prompting.decode(ids) for ids in found]


@torch.inference_mode()
def greedy_tokens(
    family: Generative,
    model: PreTrainedModel,
    prompting: Prompting,
    tokens: Tensor,
    questions: Sequence[tuple[int, str]],
    max_tokens: int = 64,
    advance: Callable[[int], None] = lambda _: None,
    grids: Sequence[Grid] = (),
) -> list[list[int]]:
    """Answers to questions, each about the picture whose index it names; `tokens` (tiles of all pictures, m,
    width).

    `grids` of the pictures; none where each is one tile.
    """
    answers: list[list[int]] = [[] for _ in questions]
    grids = grids or [ONE_TILE] * len(tokens)
    prompts, tiles = [prompting.ids(text, grids[index]) for index, text in questions], spans(grids)
    order = sorted(range(len(questions)), key=lambda i: (len(prompts[i]), questions[i][1]))
    batch = max(1, min(_BATCH, _BATCH_TOKENS // max(map(len, prompts), default=1)))
    for start in range(0, len(order), batch):
        taken = order[start : start + batch]
        images = torch.cat([tokens[tiles[questions[i][0]]] for i in taken])
        rows = family.rows(model, [prompts[i] for i in taken], images)
        read = [family.decoder_prompt(model, prompts[i]) for i in taken]
        for i, ids in zip(taken, written(rows, read, prompting, max_tokens), strict=True):
            answers[i] = ids
        advance(len(taken))
    return answers


def written(
    rows: DecoderBatch, decoder_prompts: Sequence[Sequence[int]], prompting: Prompting, max_tokens: int
) -> list[list[int]]:
    """The greedy tokens of each row, at most so many, without the one that stops it.

    `decoder_prompts`: what the decoder has read before each row's answer.
    """
    answers: list[list[int]] = [[] for _ in decoder_prompts]
    writing = list(range(len(answers)))

    def greedy_tokens(logits: Tensor) -> list[int]:
        if not prompting.logits_processor.active:
            return logits.argmax(-1).tolist()
        process = prompting.logits_processor.process
        each = zip(logits, writing, strict=True)
        return [int(process(line, decoder_prompts[row], answers[row]).argmax()) for line, row in each]

    best = greedy_tokens(rows.prefill())
    for _ in range(max_tokens):
        staying = [place for place, token in enumerate(best) if token not in prompting.stop_tokens]
        writing, best = [writing[place] for place in staying], [best[place] for place in staying]
        for row, token in zip(writing, best, strict=True):
            answers[row].append(token)
        if not writing or len(answers[writing[0]]) == max_tokens:
            break
        rows.keep(staying)
        best = greedy_tokens(rows.decode(best))
    return answers
