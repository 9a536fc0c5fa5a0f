import numpy as np
import pytest

from splitter.evaluate.intervals import interval, ratio_error, wilson


def test_about_95_of_100_intervals_hold_what_is_true() -> None:
    rng = np.random.default_rng(0)
    drawn = [interval(rng.binomial(9, 0.8, size=60).astype(float).tolist(), [9.0] * 60) for _ in range(100)]
    assert 90 <= sum(low <= 0.8 <= high for low, high in drawn) <= 99


def test_an_interval_is_as_wide_as_theory_says() -> None:
    terms = np.random.default_rng(1).normal(size=400)
    low, high = interval(terms.tolist(), [1.0] * 400)
    assert high - low == pytest.approx(2 * 1.96 * terms.std() / 20, rel=0.1)


def test_what_does_not_vary_has_no_width() -> None:
    assert interval([0.0] * 10, [3.0] * 10) == (0, 0)


def test_pictures_without_a_weight_are_passed_over() -> None:
    assert interval([2.0, 0.0, 0.0], [1.0, 0.0, 0.0]) == (2, 2)


def test_what_is_asked_about_one_picture_stays_together() -> None:
    """Ten answers about each of ten pictures, all right or all wrong, tell no more than ten answers."""
    (low, high), (least, most) = interval([10.0, 0.0] * 5, [10.0] * 10), interval([1.0, 0.0] * 5, [1.0] * 10)
    assert (low, high) == (least, most)


def test_a_share_of_all_has_a_width_by_wilson() -> None:
    assert list(wilson(60, 60)) == pytest.approx([0.9398, 1.0], abs=1e-4)
    assert list(wilson(30, 60)) == pytest.approx([0.3773, 0.6227], abs=1e-4)


def test_the_error_of_a_mean_is_its_deviation_over_the_root_of_how_many() -> None:
    terms = np.random.default_rng(2).normal(3, 1, size=400)
    assert ratio_error(terms.tolist(), [1.0] * 400) == pytest.approx(terms.std(ddof=1) / 20)


def test_the_error_of_a_ratio_is_that_of_many_drawn_anew() -> None:
    rng = np.random.default_rng(3)

    def drawn() -> tuple[list[float], list[float]]:
        weights = rng.integers(4, 20, size=60).astype(float)
        return (weights * rng.exponential(0.1, size=60)).tolist(), weights.tolist()

    ratios = [sum(terms) / sum(weights) for terms, weights in (drawn() for _ in range(500))]
    errors = [ratio_error(*drawn()) for _ in range(100)]
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.15)


def test_one_picture_tells_no_error() -> None:
    assert ratio_error([3.0], [4.0]) == 0
