"""Tokens go together into groups and come back in their places."""

import numpy as np
import pytest

from protos.codec.token_groups import Grouping

SQUARES = np.array([[0, 1, 4, 5], [2, 3, 6, 7]])
WITH_CLASS_TOKEN = np.array([[0, 0, 0, 0], [1, 2, 3, 4]])


@pytest.mark.parametrize("order", [SQUARES, WITH_CLASS_TOKEN], ids=["squares", "class token"])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_what_was_taken_together_comes_apart_again(order: np.ndarray, batch: tuple[int, ...]) -> None:
    grouping = Grouping(order)
    values = np.random.default_rng(0).standard_normal((*batch, grouping.tokens, 6)).astype(np.float32)
    together = grouping.group(values)
    assert together.shape == (*batch, len(order), 4 * 6)
    np.testing.assert_allclose(grouping.ungroup(together), values, rtol=1e-6)


def test_a_token_that_fills_a_group_alone_comes_back_as_the_mean_of_its_places() -> None:
    groups = np.array([[[1.0], [2], [3], [6]], [[7], [8], [9], [10]]], np.float32).reshape(2, 4)
    np.testing.assert_allclose(Grouping(WITH_CLASS_TOKEN).ungroup(groups).ravel(), [3, 7, 8, 9, 10])


@pytest.mark.parametrize(
    "order", [[[0, 1], [3, 4]], [[-1, 0]], [0, 1], [[]]], ids=["left out", "negative", "flat", "empty"]
)
def test_an_order_that_leaves_a_token_out_is_refused(order: list[object]) -> None:
    with pytest.raises(ValueError, match="leaves a token out"):
        Grouping(np.array(order, np.int64))
