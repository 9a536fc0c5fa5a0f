"""What counts of a loss that was measured on few pictures."""

import numpy as np
import pytest

from protos.arms.loss import NOISE, pictures_needed, sure_loss


@pytest.mark.parametrize(
    ("points", "error", "counts"),
    [(2.0, 0.0, 2.0), (2.0, 0.5, 2.0 - 0.5 * NOISE), (1.0, 1.0, 0.0), (-3.0, 0.5, 0.0), (0.0, 0.0, 0.0)],
)
def test_a_loss_counts_as_far_as_it_is_beyond_noise(points: float, error: float, counts: float) -> None:
    assert sure_loss(points, error) == pytest.approx(counts)


def test_what_loses_nothing_seems_to_lose_once_in_twenty() -> None:
    drawn = np.random.default_rng(0).normal(0, 2, 10_000)
    assert np.mean([sure_loss(points, 2) > 0 for points in drawn]) == pytest.approx(0.05, abs=0.01)


def test_so_many_pictures_bring_the_noise_down_to_a_point() -> None:
    needed = pictures_needed(60, error=1.2)
    error = 1.2 * (60 / needed) ** 0.5
    assert NOISE * error == pytest.approx(1, abs=0.01)
    assert pictures_needed(60, error=0.0) == 0
