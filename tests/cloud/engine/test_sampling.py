"""Tokens drawn from logits."""

import torch

from cloud.engine.sampling import Sampler


def test_top_p_draws_from_the_likely_only() -> None:
    sampler, logits = Sampler(1.0, 0.5, seed=3), torch.tensor([0.0, 5.0, 0.0, 5.1])
    assert {sampler.draw(logits) for _ in range(50)} <= {1, 3}


def test_draws_follow_the_probabilities() -> None:
    sampler, probabilities = Sampler(1.0, 0.0, seed=5), torch.tensor([0.1, 0.6, 0.3])
    drawn = (
        torch.bincount(torch.tensor([sampler.draw(probabilities.log()) for _ in range(3000)]), minlength=3)
        / 3000
    )
    assert torch.allclose(drawn, probabilities, atol=0.03)


def test_an_almost_cold_temperature_is_greedy() -> None:
    assert {Sampler(1e-30, 0.0, seed).draw(torch.tensor([1.0, 1.001, 0.0])) for seed in range(20)} == {1}
