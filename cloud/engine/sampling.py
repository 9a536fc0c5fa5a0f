"""The next token of one answer from its logits: greedy, or sampled with the request's own seed."""

import torch
from torch import Tensor

from protos import inference_pb2 as ip
from protos.limits import check_generation


class Sampler:
    """Draws tokens for one answer. Its own generator makes the draws independent of the rest of the batch."""

    def __init__(self, temperature: float, top_p: float, seed: int) -> None:
        self._temperature, self._top_p = temperature, top_p or 1.0
        self._random = torch.Generator().manual_seed(seed)

    def draw(self, logits: Tensor) -> int:
        """One token from the logits (vocabulary) of the last position."""
        scaled = logits.double().cpu() / self._temperature
        likely = self._nucleus(scaled.softmax(-1)).cumsum(-1)
        # Inverse transform in the vocabulary's order: a rounding difference between batch sizes moves a
        # border a little, where sorting first could swap two tokens that are nearly equal.
        point = torch.rand((), generator=self._random, dtype=torch.float64) * likely[-1]
        return min(int(torch.searchsorted(likely, point, right=True)), len(likely) - 1)

    def _nucleus(self, probabilities: Tensor) -> Tensor:
        """Zero all but the smallest set of tokens with at least `top_p` of the mass (Holtzman et al.
        2020).
        """
        if self._top_p >= 1:
            return probabilities
        ordered, tokens = probabilities.sort(descending=True)
        outside = tokens[ordered.cumsum(-1) - ordered >= self._top_p]
        return probabilities.index_fill(0, outside, 0.0)


def sampler(generation: ip.Generation) -> Sampler | None:
    """What a request asks for; None is greedy. Raises RequestError for numbers that mean nothing."""
    check_generation(generation)
    return (
        Sampler(generation.temperature, generation.top_p, generation.seed) if generation.temperature else None
    )
