"""How tokens are taken for coding: groups of neighbours, and what the tail bears best."""

import numpy as np
import pytest
from numpy.typing import NDArray

from splitter.codecs import arrangements
from splitter.codecs.arrangements import APART, RUNS, SQUARES, TURNED
from splitter.codecs.weighed import GroupFisher, Weighed, best

PICTURES, SIDE, WIDTH = 120, 4, 6
Floats = NDArray[np.float32]


def smooth(pictures: int, seed: int) -> Floats:
    """Tokens (pictures, 16, 6) of which the 2 x 2 in a square are nearly alike, and squares are not."""
    rng = np.random.default_rng(seed)
    squares = rng.standard_normal((pictures, SIDE // 2, SIDE // 2, WIDTH)).repeat(2, 1).repeat(2, 2)
    return (
        squares.reshape(pictures, SIDE * SIDE, WIDTH)
        + 0.05 * rng.standard_normal((pictures, SIDE * SIDE, WIDTH))
    ).astype(np.float32)


@pytest.mark.parametrize(("tokens", "groups"), [(16, 4), (17, 5), (256, 64), (257, 65)])
def test_squares_hold_neighbours_and_a_class_token_stands_alone(tokens: int, groups: int) -> None:
    grouping = arrangements.grouping(SQUARES, tokens)
    assert grouping is not None
    assert grouping.order.shape == (groups, 4)
    first = tokens - 4 * (groups - tokens % 2)
    side = int((tokens - first) ** 0.5)
    assert grouping.order[-1].tolist() == [tokens - side - 2, tokens - side - 1, tokens - 2, tokens - 1]
    assert grouping.order[0].tolist() == ([0] * 4 if first else [0, 1, side, side + 1])


@pytest.mark.parametrize("tokens", [1, 9, 25, 50])
def test_what_is_no_square_of_even_sides_has_no_squares(tokens: int) -> None:
    assert arrangements.grouping(SQUARES, tokens) is None


def test_the_groups_that_are_most_alike_are_found() -> None:
    rows = smooth(8, 0)
    squares = arrangements.grouping(SQUARES, SIDE * SIDE)
    assert squares is not None
    assert arrangements.nearest(rows)[0] == SQUARES
    assert arrangements.nearest(rows[:, squares.order.ravel()])[0] == RUNS, (
        "as patches come that a model merges anyway"
    )
    assert arrangements.nearest(rows[:, :9])[0] == APART
    assert arrangements.nearest(np.zeros((1, 16, 2000), np.float32))[0] == APART, "too wide"


def test_a_groups_matrix_of_few_gradients_is_that_of_places_times_that_of_directions() -> None:
    gradients = np.random.default_rng(0).standard_normal((5, 16, WIDTH)).astype(np.float32)
    _, order = arrangements.nearest(smooth(8, 0))
    flat = arrangements.gathered(gradients, order)
    metric = flat.T @ flat / np.trace(flat.T @ flat)
    own = arrangements.own(metric, 4)
    np.testing.assert_allclose(
        own, sum(metric[i : i + WIDTH, i : i + WIDTH] for i in range(0, 24, WIDTH)), rtol=1e-9
    )
    few, many = arrangements.smoothed(metric, 4, groups=1), arrangements.smoothed(1e9 * metric, 4, groups=1)
    np.testing.assert_allclose(many / 1e9, metric, atol=1e-6)
    assert np.trace(few) == pytest.approx(1)
    assert np.linalg.matrix_rank(metric) < np.linalg.matrix_rank(few), (
        "no direction is free because nothing was seen of it"
    )


def test_the_arrangement_that_takes_fewest_bits_at_equal_loss_is_taken() -> None:
    values, judged = smooth(PICTURES, 0), smooth(20, 1)
    _, order = arrangements.nearest(values)
    tried = GroupFisher(SQUARES, order, np.eye(4 * WIDTH)).candidates()
    assert [one.arrangement for one in tried] == [APART, TURNED, SQUARES]

    for several in ([tried[0], tried[2]], [tried[2], tried[0]]):
        chosen = best(several, values, judged, lambda received: float(np.square(received - judged).mean()))
        assert chosen.arrangement == SQUARES


def test_without_groups_the_whole_picture_is_mixed_and_one_token_is_not() -> None:
    def candidates(tokens: int) -> list[Weighed]:
        return GroupFisher(APART, np.arange(tokens)[:, None], np.eye(WIDTH)).candidates()

    assert candidates(9)[-1].arrangement == TURNED
    assert [one.arrangement for one in candidates(1)] == [APART]
