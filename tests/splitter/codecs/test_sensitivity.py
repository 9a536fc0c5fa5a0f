"""How much memory a Fisher matrix takes, and that it is the same however many pictures are taken together."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitter.codecs.sensitivity import UniformTarget, metrics, pictures_at_once

TOKENS, WIDTH, HIDDEN = 4, 8, 1000
WEIGHT = torch.randn(WIDTH, HIDDEN, generator=torch.Generator().manual_seed(1))
KEPT = TOKENS * HIDDEN * 4  # bytes that a picture's hidden layer takes


def behind(boundary: dict[str, Tensor]) -> Tensor:
    """Two layers that keep what lies between them."""
    return (boundary["hidden"] @ WEIGHT).sigmoid() @ WEIGHT.T


def boundary(pictures: int) -> dict[str, NDArray[np.float32]]:
    return {"hidden": np.random.default_rng(0).standard_normal((pictures, TOKENS, WIDTH), np.float32)}


def at_once(max_kept: int) -> int:
    return pictures_at_once(behind, UniformTarget(), boundary(1), [WEIGHT], max_kept)


def test_as_many_pictures_are_taken_together_as_have_room() -> None:
    assert at_once(KEPT // 2) == 1, "one is always taken"
    assert at_once(4 * KEPT) in (3, 4), "what other layers keep is little"
    assert at_once(1 << 30) == 16, "more gain nothing"


def test_pictures_taken_together_or_apart_make_the_same_metric() -> None:
    def total(tokens: Tensor, _: slice) -> Tensor:
        return tokens.square().sum()

    pairs = {"hidden": np.arange(TOKENS).reshape(-1, 2)}
    together, apart = (metrics(behind, total, boundary(6), pairs, count)["hidden"] for count in (6, 1))
    assert together.shape == (2 * WIDTH, 2 * WIDTH)
    np.testing.assert_allclose(together, apart, rtol=1e-5, atol=1e-6 * np.abs(apart).max())
