"""How far a tail's answers to what was received are from those to the boundary itself: what learning makes small."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from splitter.measuring.verify import Whole

Boundary = dict[str, Tensor]
Enter = Callable[[Boundary], Tensor]  # a boundary -> image tokens (pictures, m, width)

_MOST_TOKENS = 8
_STRIDE = 7  # so that neighbours are asked different things


class Likeness:
    """The squared error of image tokens as a share of their variance: all there is to go by where no language model is loaded.

    `some`: the boundary of some pictures, which tell that variance.
    """

    def __init__(self, enter: Enter, some: Boundary) -> None:
        self._enter = enter
        with torch.no_grad():
            tokens = enter(some)
        self._variance = (tokens - tokens.mean(0)).square().mean().clamp_min(torch.finfo(tokens.dtype).tiny)

    def __call__(self, received: Boundary, exact: Boundary, _pictures: Sequence[int], _turn: int = 0) -> Tensor:
        return self.of(*self.seen(received, exact))

    def seen(self, received: Boundary, exact: Boundary) -> tuple[Tensor, Tensor]:
        """Image tokens (pictures, m, width) of what was received, and of the boundary itself."""
        with torch.no_grad():
            wanted = self._enter(exact)
        return self._enter(received), wanted

    def of(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """The same of image tokens."""
        return torch.as_tensor((tokens - wanted).square().mean() / self._variance)


class Distillation:
    """The divergence of next-token distributions along greedy answers to the boundary itself, in nats an answer, and the likeness.

    At each turn each picture is asked one of `questions`.
    """

    def __init__(self, whole: Whole, likeness: Likeness, questions: Sequence[str]) -> None:
        self._whole, self._likeness = whole, likeness
        self._prompts = [whole.prompting.ids(question) for question in questions]
        self._stops = torch.tensor(sorted(whole.prompting.stop_tokens))

    def __call__(self, received: Boundary, exact: Boundary, pictures: Sequence[int], turn: int) -> Tensor:
        prompts = [self._prompts[(_STRIDE * one + turn) % len(self._prompts)] for one in pictures]
        tokens, wanted = self._likeness.seen(received, exact)
        return self._divergence(tokens, wanted, prompts) + self._likeness.of(tokens, wanted)

    def _divergence(self, tokens: Tensor, wanted: Tensor, prompts: list[list[int]]) -> Tensor:
        kind, model = self._whole.family, self._whole.model
        teacher, student = kind.rows(model, prompts, wanted), kind.rows(model, prompts, tokens)
        with torch.no_grad():
            expected = teacher.prefill().log_softmax(-1)
        said, total, alive = student.prefill().log_softmax(-1), torch.zeros(()), torch.ones(len(prompts))
        for left in reversed(range(_MOST_TOKENS)):
            total = total + ((expected.exp() * (expected - said)).sum(-1) * alive).sum()
            spoken = expected.argmax(-1)
            alive = alive * ~torch.isin(spoken, self._stops)
            if not left or not alive.any():
                break
            with torch.no_grad():
                expected = teacher.advance(spoken.tolist()).log_softmax(-1)
            said = student.advance(spoken.tolist()).log_softmax(-1)
        return total / len(prompts)
