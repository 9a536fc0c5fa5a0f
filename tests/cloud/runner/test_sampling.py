"""Tokens drawn from logits."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from cloud.runner.sampling import Sampler, next_tokens

VOCABULARY = 5000


def draw(logits: Tensor, seeds: Sequence[int], temperature: float = 1.0, top_p: float = 0.0) -> list[int]:
    """One token for each seed, all from the same logits, side by side."""
    samplers = [Sampler(temperature, top_p, seed) for seed in seeds]
    return next_tokens(logits.expand(len(samplers), -1), samplers)


def test_top_p_draws_from_the_likely_only() -> None:
    assert set(draw(torch.tensor([0.0, 5.0, 0.0, 5.1]), range(50), top_p=0.5)) <= {1, 3}


def test_draws_follow_the_probabilities() -> None:
    probabilities = torch.tensor([0.1, 0.6, 0.3])
    drawn = torch.tensor(draw(probabilities.log(), range(3000)))
    assert torch.allclose(torch.bincount(drawn) / 3000, probabilities, atol=0.03)


@pytest.mark.parametrize("temperature", [1e-45, 1e-30])
def test_an_almost_cold_temperature_is_greedy(temperature: float) -> None:
    assert set(draw(torch.tensor([1.0, 1.001, 0.0]), range(20), temperature)) == {1}


@pytest.mark.parametrize("spread", [0.01, 1.0, 4.0])
@pytest.mark.parametrize("top_p", [0.1, 0.9, 0.999])
def test_the_nucleus_is_the_smallest_set_with_the_mass(spread: float, top_p: float) -> None:
    """Whether few tokens hold it or most of the vocabulary do."""
    logits = torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(1)) * spread
    ordered, tokens = logits.double().softmax(-1).sort(descending=True)
    nucleus = set(tokens[ordered.cumsum(-1) - ordered < top_p + 1e-5].tolist())
    drawn = set(draw(logits, range(400), top_p=top_p))
    assert drawn <= nucleus
    assert len(drawn) > min(len(nucleus), 400) / 8


def test_tokens_that_are_equally_likely_share_their_place_in_the_nucleus() -> None:
    """Which of them a sort puts first may depend on the batch."""
    assert set(draw(torch.tensor([2.0, 1.0, 1.0, -9.0]), range(99), top_p=0.6)) == {0, 1, 2}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_seed_draws_the_same_whatever_the_batch(dtype: torch.dtype) -> None:
    logits = (torch.randn(6, VOCABULARY, generator=torch.Generator().manual_seed(2)) * 3).to(dtype)

    def samplers() -> list[Sampler | None]:
        kinds = [(1.0, 0.9), (0.7, 0.0), (50.0, 0.95), (1.3, 0.5), (1.0, 1.0)]
        return [None, *(Sampler(*kind, seed) for seed, kind in enumerate(kinds))]

    together, alone = samplers(), samplers()
    for _ in range(20):
        tokens = next_tokens(logits, together)
        assert tokens == [next_tokens(row[None], [one])[0] for row, one in zip(logits, alone, strict=True)]
        assert tokens[0] == int(logits[0].argmax())


def test_what_the_rules_forbid_is_never_drawn() -> None:
    logits = torch.full((VOCABULARY,), -torch.inf)
    logits[[7, VOCABULARY - 2]] = 1.0
    assert set(draw(logits, range(30), temperature=100.0, top_p=0.99)) == {7, VOCABULARY - 2}


def test_a_sampler_that_is_rewound_draws_again_what_it_drew() -> None:
    sampler = Sampler(1.0, 1.0, seed=3)
    drawn = [sampler.uniform() for _ in range(4)]
    sampler.rewind(2)
    assert [sampler.uniform() for _ in range(2)] == drawn[2:]
