"""How far a tail's answers to what was received are from those to the boundary itself: what learning makes
small.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from splitter.codecs.sensitivity import Enter
from splitter.evaluate.answers import written
from splitter.evaluate.verify import ReferenceModel
from splitter.families import Boundary, DecoderBatch

_MAX_TOKENS = 8
_STRIDE = 7  # so that neighbours are asked different things
# what a nat of divergence weighs beside the likeness: with more, the answers about few pictures are learned
# by heart
_DIVERGENCE = 0.02
_MAX_KEPT = 384 << 20  # bytes of image tokens


class Likeness:
    """The squared error of each picture's image tokens as a share of their variance: all there is where no
    language model is loaded.

    `some`: the boundary of some pictures, which tell that variance. What the tail makes of a picture's own
    boundary is kept by the picture's index, as far as there is room, for it is wanted again and again.
    """

    def __init__(self, enter: Enter, some: Boundary, max_kept: int = _MAX_KEPT) -> None:
        self.enter, self._kept, self._room = enter, dict[int, Tensor](), max_kept
        with torch.no_grad():
            tokens = enter(some)
        self._variance = (tokens - tokens.mean(0)).square().mean().clamp_min(torch.finfo(tokens.dtype).tiny)

    def __call__(
        self, received: Boundary, exact: Boundary, pictures: Sequence[int], _turn: int = 0
    ) -> Tensor:
        return self.of(self.enter(received), self.wanted(exact, pictures))

    def of(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """The same of image tokens: (pictures)."""
        return torch.as_tensor((tokens.float() - wanted).square().mean((1, 2)) / self._variance)

    @torch.no_grad()
    def wanted(self, exact: Boundary, pictures: Sequence[int]) -> Tensor:
        """Image tokens (pictures, m, width) of the boundary itself."""
        new = [place for place, index in enumerate(pictures) if index not in self._kept]
        made = (
            self.enter({name: values[new] for name, values in exact.items()}).float()
            if new
            else torch.empty(0)
        )
        found = {pictures[place]: tokens for place, tokens in zip(new, made, strict=True)}
        wanted = torch.stack([found[index] if index in found else self._kept[index] for index in pictures])
        for index, tokens in found.items():
            if self._room >= tokens.nbytes:
                self._room -= tokens.nbytes
                self._kept[index] = tokens.clone()
        return wanted


class Distillation:
    """The likeness, and a share of the divergence of next-token distributions along greedy answers to the
    boundary itself.

    At each turn each picture is asked one of `questions`.
    """

    def __init__(self, reference: ReferenceModel, likeness: Likeness, questions: Sequence[str]) -> None:
        self._reference, self._likeness = reference, likeness
        self._prompts = [reference.prompting.ids(question) for question in questions]
        self._stop = min(reference.prompting.stop_tokens)
        self._greedy: dict[tuple[int, int], Tensor] = {}

    def __call__(self, received: Boundary, exact: Boundary, pictures: Sequence[int], turn: int) -> Tensor:
        asked = [(_STRIDE * one + turn) % len(self._prompts) for one in pictures]
        wanted, tokens = self._likeness.wanted(exact, pictures), self._likeness.enter(received)
        answers = self._answers(wanted, pictures, asked)
        return self._likeness.of(tokens, wanted) + _DIVERGENCE * self._divergence(
            tokens, wanted, answers, asked
        )

    def _divergence(self, tokens: Tensor, wanted: Tensor, answers: Tensor, asked: Sequence[int]) -> Tensor:
        """In nats an answer: (pictures)."""
        with torch.no_grad():
            expected = self._rows(asked, wanted).teacher_force(answers).float().log_softmax(-1)
        received = self._rows(asked, tokens).teacher_force(answers).float().log_softmax(-1)
        stops = answers == self._stop
        over = stops.cumsum(1) > stops.long()
        return torch.as_tensor((expected.exp() * (expected - received)).sum(-1).masked_fill(over, 0).sum(1))

    @torch.no_grad()
    def _answers(self, wanted: Tensor, pictures: Sequence[int], asked: Sequence[int]) -> Tensor:
        """The greedy answers to the boundary itself (pictures, length), filled up with stops; each is found
        once.
        """
        pairs = list(zip(pictures, asked, strict=True))
        new = [place for place, pair in enumerate(pairs) if pair not in self._greedy]
        if new:
            rows = self._rows([asked[place] for place in new], wanted[new])
            family, model = self._reference.family, self._reference.model
            read = [family.decoder_prompt(model, self._prompts[asked[place]]) for place in new]
            found = written(rows, read, self._reference.prompting, _MAX_TOKENS)
            ended = [[*ids, self._stop][:_MAX_TOKENS] for ids in found]
            self._greedy |= {pairs[place]: torch.tensor(ids) for place, ids in zip(new, ended, strict=True)}
        answers = [self._greedy[pair] for pair in pairs]
        return torch.nn.utils.rnn.pad_sequence(answers, batch_first=True, padding_value=self._stop)

    def _rows(self, asked: Sequence[int], tokens: Tensor) -> DecoderBatch:
        return self._reference.family.rows(
            self._reference.model, [self._prompts[one] for one in asked], tokens
        )
