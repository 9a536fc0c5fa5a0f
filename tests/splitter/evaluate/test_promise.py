"""Thresholds above which enough of a device's answers agree, shown and not only seen."""

import numpy as np
import pytest

from splitter.evaluate.promise import CONFIDENCE, least_pictures, promised, unpromised

AGREE = 0.9


def drawn(pictures: int, seed: int, each: int = 1) -> tuple[list[float], list[bool], list[int]]:
    """Answers that agree as often as they are sure of it: above 0.8 in nine of ten cases."""
    rng = np.random.default_rng(seed)
    raw = rng.uniform(size=pictures * each)
    agrees = rng.uniform(size=len(raw)) < 0.5 + raw / 2
    return raw.tolist(), agrees.tolist(), np.repeat(np.arange(pictures), each).tolist()


def agreement_above(threshold: float) -> float:
    """The true share: the mean of 0.5 + raw / 2 over raw confidences above a threshold."""
    return 0.5 + (1 + threshold) / 4


def test_a_promise_is_broken_as_rarely_as_it_says() -> None:
    broken = made = 0
    for seed in range(300):
        lowest = promised(*drawn(600, seed), 0.8)
        if lowest is not None:
            made += 1
            broken += agreement_above(lowest) < 0.8
    assert made > 200
    assert broken <= (1 - CONFIDENCE) * 300


def test_of_sure_answers_all_are_kept() -> None:
    raw = [0.5 + i / 1000 for i in range(200)]
    lowest = promised(raw, [True] * 200, list(range(200)), AGREE)
    assert lowest is not None
    assert lowest <= raw[0]


def test_questions_about_one_picture_are_not_so_many_pictures() -> None:
    raw, owners = [i / 1000 for i in range(1000)], [i // 100 for i in range(1000)]
    assert promised(raw, [True] * 1000, owners, AGREE) is None, "ten pictures"


def test_so_few_that_nothing_can_be_shown() -> None:
    assert [least_pictures(share) for share in (0.9, 0.95, 0.99)] == [51, 104, 528]
    for count, shown in ((51, True), (50, False)):
        found = promised([0.5] * count, [True] * count, list(range(count)), AGREE)
        assert (found is not None) == shown


def test_it_says_how_many_pictures_would_do() -> None:
    raw, agrees, owners = drawn(60, 0)
    assert promised(raw, agrees, owners, AGREE) is None
    assert "60 pictures are too few to show it, about " in unpromised(raw, agrees, owners, AGREE)


def test_or_that_no_number_would() -> None:
    why = unpromised([i / 100 for i in range(100)], [i % 2 == 0 for i in range(100)], list(range(100)), AGREE)
    assert "only 50.0% do" in why
    assert "give a better model with --local" in why


@pytest.mark.parametrize("each", [1, 4])
def test_the_same_answers_give_the_same_threshold(each: int) -> None:
    given = drawn(400, 3, each)
    assert promised(*given, AGREE) == promised(*given, AGREE)
