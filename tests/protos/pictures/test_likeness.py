"""How far two frames are from each other, as features."""

import numpy as np
import pytest

from protos.pictures.likeness import feature_distance


def test_features_of_other_shapes_are_as_far_as_can_be() -> None:
    one, two = np.ones((1, 4, 8), np.float32), np.ones((2, 4, 8), np.float32)
    assert feature_distance({"hidden": one}, {"hidden": two}) == 2
    assert feature_distance({"hidden": one}, {"hidden": one}) == pytest.approx(0, abs=1e-6)
    assert feature_distance({"hidden": one}, {"pooled": one}) == 2


def test_the_token_that_differs_most_counts() -> None:
    one = np.tile(np.array([1, 0], np.float32), (9, 1))
    other = one.copy()
    other[4] = (0, 1)
    assert feature_distance({"hidden": one}, {"hidden": other}) == pytest.approx(1)
