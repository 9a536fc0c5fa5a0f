"""Fidelity: how near a way to answer comes to the whole model, where no right answers are known.

Whether a caption is the whole model's, word for word, tells little: where two words are nearly as likely,
what nobody would notice turns one into the other. So the whole (uncut FP32) model writes its greedy answers,
and at each of their tokens, the end among them, its next-token distribution p is compared with the arm's, q:

    fidelity = 100 exp(-mean over tokens of KL(p || q))
    KL(p || q) = sum over the vocabulary of p log(p / q)

exp(-KL) is the geometric mean of q / p over tokens drawn from p: what is left, under the arm, of the
probability that the whole model gives to what it says. It is 100 for the whole model alone, and the first
points are hundredths of a nat a token, which is how perplexity and likelihood count. The distributions are
the model's own, before what generation_config.json does to them.

A small model with a vocabulary of its own has no distribution over the whole model's tokens. Of it the same
ratio is taken of whole answers, which any vocabulary can write: log p(answer) - log q(answer), for each token
of the whole model, in place of the mean over p that KL is. An answer that is likelier under q counts as
nothing lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from protos.measurements import FIDELITY
from protos.pictures.tiles import ONE_TILE, Grid, spans
from splitter.evaluate.answers import greedy_tokens
from splitter.evaluate.scores import Score, by_picture, divergences, fidelity
from splitter.evaluate.teacher_forcing import teacher_forced
from splitter.evaluate.verify import ReferenceModel

_MAX_TOKENS = 64
_MAX_ROWS, _MAX_PROMPT_TOKENS = 256, 32_768  # of a batch
_MAX_LOGITS = 1 << 25  # of a batch
_MAX_KEPT = 512 << 20  # bytes of the whole model's distributions; those beyond are computed for each arm


@dataclass(frozen=True)
class Answered:
    """A question about the picture of an index, and the whole model's answer."""

    picture: int
    question: str
    grid: Grid
    prompt: Sequence[int]
    spoken: Sequence[int]  # without the token that ends it
    forced: Sequence[int]  # with it, where the answer ended


@dataclass(frozen=True)
class Compared:
    """An arm beside the whole model, answer by answer: the sum of its tokens' divergences in nats, and
    whether the arm's own answer is the same.
    """

    answered: Sequence[Answered]
    divergences: Sequence[float]
    identical: Sequence[bool]

    @property
    def each(self) -> list[tuple[float, bool]]:
        return list(zip(self.divergences, self.identical, strict=True))

    @property
    def score(self) -> Score:
        owners = [one.picture for one in self.answered]
        sums, _ = by_picture(owners, self.divergences)
        tokens, _ = by_picture(owners, [len(one.forced) for one in self.answered])
        return fidelity(sums, tokens, self.identical)


Forced = Callable[[Sequence[Answered]], Tensor]  # logits (rows, longest answer, vocabulary)


class Fidelity:
    """Of one model, its pictures and what is asked about them. `whole`: the image tokens (tiles of all, m,
    width) that the whole model sees; `grids` of the pictures, none where each is one tile.
    """

    name = FIDELITY

    def __init__(
        self,
        reference: ReferenceModel,
        questions: Sequence[tuple[int, str]],
        whole: Callable[[], Tensor],
        grids: Sequence[Grid] = (),
    ) -> None:
        self._reference, self._questions, self._whole = reference, questions, whole
        self._grids, self._room = grids, _MAX_KEPT
        self._kept: dict[int, Tensor] = {}

    @property
    def count(self) -> int:
        """Answers that are compared."""
        return len(self.answered)

    @cached_property
    def answered(self) -> list[Answered]:
        """Every question with the whole model's answer, the short prompts first. What a captioner is asked
        twice, having no ear for the question, is taken once.
        """
        prompting, tokens = self._reference.prompting, self._whole()
        grids = self._grids or [ONE_TILE] * len(tokens)
        once = {(i, tuple(prompting.ids(text, grids[i]))): text for i, text in reversed(self._questions)}
        asked = sorted(once.items(), key=lambda item: (len(item[0][1]), item[0]))
        texts = [(index, text) for (index, _), text in asked]
        spoken = greedy_tokens(
            self._reference.family, self._reference.model, prompting, tokens, texts, _MAX_TOKENS, grids=grids
        )
        end = list(prompting.stop_tokens[:1])
        return [
            Answered(index, text, grids[index], ids, said, [*said, *end][:_MAX_TOKENS])
            for ((index, ids), text), said in zip(asked, spoken, strict=True)
        ]

    def of_whole(self) -> Score:
        """The whole model against itself."""
        return self.of(self._whole())

    def of(self, tokens: Tensor) -> Score:
        """An arm that gives the language model these image tokens (tiles of all pictures, m, width)."""
        return self.compared(tokens).score

    def compared(self, tokens: Tensor, grids: Sequence[Grid] = ()) -> Compared:
        """The same answer by answer; `grids` where the arm's pictures are of other tiles."""
        return self.compared_forced(lambda rows: self._forced(tokens, rows, grids or self._grids))

    @torch.inference_mode()
    def compared_forced(self, forced: Forced) -> Compared:
        """An arm that has logits of its own along the whole model's answers."""
        sums, identical = list[float](), list[bool]()
        for number, rows in enumerate(self._batches):
            arm = forced(rows)
            apart = divergences(self._distributions(number, rows), arm.log_softmax(-1))
            for row, one in enumerate(rows):
                sums.append(float(apart[row, : len(one.forced)].sum()))
                identical.append(self._repeats(one, arm[row, : len(one.forced)]))
        return Compared(self.answered, sums, identical)

    @torch.inference_mode()
    def surprisals(self) -> list[float]:
        """Nats of each answer under the whole model itself: -log of its probability."""
        found = list[float]()
        for number, rows in enumerate(self._batches):
            told = self._distributions(number, rows)
            for row, one in enumerate(rows):
                steps = torch.arange(len(one.forced))
                found.append(-float(told[row, steps, torch.tensor(one.forced)].double().sum()))
        return found

    @cached_property
    def _batches(self) -> list[list[Answered]]:
        vocabulary = self._reference.model.config.get_text_config().vocab_size
        longest = max(len(one.forced) for one in self.answered)
        prompt = max(len(one.prompt) for one in self.answered)
        size = min(_MAX_ROWS, _MAX_PROMPT_TOKENS // prompt, _MAX_LOGITS // (longest * vocabulary))
        size = max(1, size)
        return [self.answered[start : start + size] for start in range(0, len(self.answered), size)]

    def _distributions(self, number: int, rows: Sequence[Answered]) -> Tensor:
        """The whole model's; kept as far as there is room, for every arm is held against them."""
        if number in self._kept:
            return self._kept[number]
        found = self._forced(self._whole(), rows, self._grids).log_softmax(-1)
        if self._room >= found.nbytes:
            self._room -= found.nbytes
            self._kept[number] = found
        return found

    def _forced(self, tokens: Tensor, rows: Sequence[Answered], grids: Sequence[Grid]) -> Tensor:
        grids = grids or [ONE_TILE] * len(tokens)
        tiles = spans(grids)
        images = torch.cat([tokens[tiles[one.picture]] for one in rows])
        prompts = [self._prompt(one, grids[one.picture]) for one in rows]
        return teacher_forced(self._reference, prompts, images, [one.forced for one in rows])

    def _prompt(self, one: Answered, grid: Grid) -> Sequence[int]:
        return one.prompt if grid == one.grid else self._reference.prompting.ids(one.question, grid)

    def _repeats(self, one: Answered, logits: Tensor) -> bool:
        """Whether the arm's own greedy answer is this one: so it is where each token is the most likely after
        those before it.
        """
        prompting = self._reference.prompting
        read = self._reference.family.decoder_prompt(self._reference.model, one.prompt)
        process = prompting.logits_processor.process
        best = [int(process(step, read, one.spoken[:place]).argmax()) for place, step in enumerate(logits)]
        ended = all(token in prompting.stop_tokens for token in best[len(one.spoken) :])
        return ended and best[: len(one.spoken)] == list(one.spoken)


def padded(rows: Sequence[Tensor]) -> Tensor:
    """Logits (length, vocabulary) of answers one by one, side by side."""
    return pad_sequence(list(rows), batch_first=True)
