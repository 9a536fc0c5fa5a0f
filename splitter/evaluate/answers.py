"""Let a whole model, or its tail, answer many questions at once: what every accuracy in a report is measured
with.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from protos import bundle_pb2 as pb
from protos.pictures.tiles import ONE_TILE, Grid, spans
from protos.text.prompt import write_prompt
from splitter.families import DecoderBatch, Generative

_BATCH, _BATCH_TOKENS = 256, 32_768  # prompts side by side, and the tokens in them


@dataclass(frozen=True)
class Prompting:
    """How a question becomes ids: a template with `{question}`, a tokenizer, and the token that stands for
    image tokens.

    `picture`: what `{picture}` stands for in the template of a model that cuts pictures into tiles.
    """

    template: str
    tokenizer: Callable[..., dict[str, list[list[int]]]]
    image_token: int | None
    stop_tokens: tuple[int, ...]
    decode: Callable[..., str]
    picture: pb.PictureText | None = None

    @property
    def image_tokens(self) -> int:
        """How many image tokens a prompt holds for each tile."""
        return 0 if self.image_token is None else self.ids("").count(self.image_token)

    def ids(self, question: str, grid: Grid = ONE_TILE) -> list[int]:
        """The prompt's token ids, for a picture of this grid of tiles."""
        text = write_prompt(self.template, self.picture or pb.PictureText(), question, grid)
        return list(self.tokenizer([text], add_special_tokens=False)["input_ids"][0])


@torch.inference_mode()
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
    """Answers to questions, each about the picture whose index it names; `tokens` (tiles of all pictures, m,
    width).

    `grids` of the pictures; none where each is one tile.
    """
    answers: list[str] = [""] * len(questions)
    grids = grids or [ONE_TILE] * len(tokens)
    prompts, tiles = [prompting.ids(text, grids[index]) for index, text in questions], spans(grids)
    order = sorted(range(len(questions)), key=lambda i: (len(prompts[i]), questions[i][1]))
    batch = max(1, min(_BATCH, _BATCH_TOKENS // max(map(len, prompts), default=1)))
    for start in range(0, len(order), batch):
        taken = order[start : start + batch]
        rows = family.rows(
            model, [prompts[i] for i in taken], torch.cat([tokens[tiles[questions[i][0]]] for i in taken])
        )
        for i, ids in zip(taken, written(rows, len(taken), prompting.stop_tokens, max_tokens), strict=True):
            answers[i] = prompting.decode(ids, skip_special_tokens=True).strip()
        advance(len(taken))
    return answers


def written(rows: DecoderBatch, count: int, stop_tokens: Collection[int], max_tokens: int) -> list[list[int]]:
    """The most likely tokens of each row, at most so many, without the one that stops it."""
    answers: list[list[int]] = [[] for _ in range(count)]
    writing, best = list(range(count)), rows.prefill().argmax(-1).tolist()
    for _ in range(max_tokens):
        staying = [place for place, token in enumerate(best) if token not in stop_tokens]
        writing, best = [writing[place] for place in staying], [best[place] for place in staying]
        for row, token in zip(writing, best, strict=True):
            answers[row].append(token)
        if not writing or len(answers[writing[0]]) == max_tokens:
            break
        rows.keep(staying)
        best = rows.decode(best).argmax(-1).tolist()
    return answers
