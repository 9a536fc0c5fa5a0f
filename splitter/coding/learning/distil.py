"""How far a tail's answers are from the whole model's: what learning makes small."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from splitter.measuring.verify import Whole

Enter = Callable[[dict[str, Tensor]], Tensor]  # a boundary -> image tokens (pictures, m, width)

_MOST_TOKENS = 8
_STRIDE = 7  # so that neighbours are asked different things


class Likeness:
    """The squared error of image tokens as a share of their variance: all there is to go by where no language model is loaded."""

    def __init__(self, enter: Enter, wanted: Tensor) -> None:
        self._enter, self._wanted = enter, wanted
        self._variance = (wanted - wanted.mean(0)).square().mean()

    def __call__(self, received: dict[str, Tensor], pictures: Sequence[int], _turn: int = 0) -> Tensor:
        return self.of(self._enter(received), pictures)

    def of(self, tokens: Tensor, pictures: Sequence[int]) -> Tensor:
        """The same of image tokens (pictures, m, width)."""
        return torch.as_tensor((tokens - self._wanted[list(pictures)]).square().mean() / self._variance)


class Distillation:
    """The divergence of next-token distributions along the whole model's own greedy answers, in nats an answer, and the likeness.

    `wanted`: the whole model's image tokens of every calibration picture. At each turn each picture is asked one of `questions`.
    """

    def __init__(self, whole: Whole, enter: Enter, wanted: Tensor, questions: Sequence[str]) -> None:
        self._whole, self._enter, self._wanted, self._likeness = whole, enter, wanted, Likeness(enter, wanted)
        self._prompts = [whole.prompting.ids(question) for question in questions]
        self._stops = torch.tensor(sorted(whole.prompting.stop_tokens))

    def __call__(self, received: dict[str, Tensor], pictures: Sequence[int], turn: int) -> Tensor:
        tokens, prompts = self._enter(received), [self._prompts[(_STRIDE * one + turn) % len(self._prompts)] for one in pictures]
        return self._divergence(tokens, self._wanted[list(pictures)], prompts) + self._likeness.of(tokens, pictures)

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
