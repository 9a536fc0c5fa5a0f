"""The next token of every answer from its logits: greedy, or sampled with the request's own seed."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from protos import inference_pb2 as ip
from protos.limits import check_generation

_LIKELY = 256  # tokens that are put in order at first; a larger nucleus needs the whole vocabulary in order
_COLDEST = float(torch.finfo(torch.float32).tiny)


class Sampler:
    """How the tokens of one answer are drawn. Its own generator makes the draws independent of the rest of
    the batch.
    """

    def __init__(self, temperature: float, top_p: float, seed: int) -> None:
        self.temperature, self.top_p = max(temperature, _COLDEST), top_p or 1.0
        self._random, self.seed = torch.Generator().manual_seed(seed), seed

    def uniform(self) -> float:
        """The next random number from 0 to below 1."""
        return float(torch.rand((), generator=self._random, dtype=torch.float64))

    def rewind(self, drawn: int) -> None:
        """Go on as if so many numbers had been drawn."""
        self._random.manual_seed(self.seed)
        for _ in range(drawn):
            self.uniform()


def sampler(generation: ip.Generation) -> Sampler | None:
    """What a request asks for; None is greedy. Raises RequestError for numbers that mean nothing."""
    check_generation(generation)
    return (
        Sampler(generation.temperature, generation.top_p, generation.seed) if generation.temperature else None
    )


def next_tokens(logits: Tensor, samplers: Sequence[Sampler | None]) -> list[int]:
    """A token for each row of the logits (rows, vocabulary) of the last position."""
    tokens: list[int] = logits.argmax(-1).tolist()
    drawing = {row: found for row, found in enumerate(samplers) if found}
    if drawing:
        drawn = _draw(logits[list(drawing)].float(), list(drawing.values()))
        for row, token in zip(drawing, drawn, strict=True):
            tokens[row] = token
    return tokens


def _draw(logits: Tensor, samplers: Sequence[Sampler]) -> list[int]:
    """A token for each row of float32 logits, which it overwrites."""

    def column(values: Sequence[float], dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=logits.device)[:, None]

    # In place, since at this size new memory costs more than the arithmetic.
    logits.sub_(logits.amax(-1, keepdim=True)).div_(column([each.temperature for each in samplers]))
    probabilities = logits.softmax(-1)
    least = _least_probability(probabilities, column([each.top_p for each in samplers]))
    likely = probabilities.masked_fill_(probabilities < least, 0).double().cumsum_(-1)
    # Inverse transform in the vocabulary's order: a rounding difference between batch sizes moves a border
    # a little, where drawing from sorted tokens could swap two that are nearly equal.
    points = column([each.uniform() for each in samplers], torch.float64) * likely[:, -1:]
    tokens = torch.searchsorted(likely, points, right=True).clamp(max=logits.shape[-1] - 1)
    return tokens.flatten().tolist()


def _least_probability(probabilities: Tensor, top_p: Tensor) -> Tensor:
    """For each row the least probability in its nucleus, the smallest set of tokens with at least `top_p`
    (rows, 1) of the mass (Holtzman et al. 2020); tokens as likely as that one are in it too.
    """
    restricted = top_p < 1
    if not restricted.any():
        return torch.zeros_like(top_p)
    ordered = probabilities.topk(min(_LIKELY, probabilities.shape[-1])).values
    least = _border(ordered, top_p)
    flat = (restricted & (ordered.sum(-1, keepdim=True) < top_p)).flatten()
    if flat.any():
        least[flat] = _border(_descending(probabilities[flat]), top_p[flat])
    return least.where(restricted, 0)


def _border(ordered: Tensor, top_p: Tensor) -> Tensor:
    inside = ordered.cumsum(-1) - ordered < top_p
    return ordered.where(inside, torch.inf).amin(-1, keepdim=True)


def _descending(probabilities: Tensor) -> Tensor:
    if probabilities.is_cuda:
        return probabilities.sort(descending=True).values
    return torch.from_numpy(-np.sort(-probabilities.numpy()))  # four times as fast as torch on a CPU
