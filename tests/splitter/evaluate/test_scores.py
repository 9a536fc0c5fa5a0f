import math

import pytest

from splitter.evaluate.scores import exact_match, fidelity
from splitter.nano.questions import Question


def asked(*answers: str) -> list[tuple[int, Question]]:
    """Two questions about each picture, the first of kind a and the second of kind b."""
    return [(place // 2, Question("ab"[place % 2], "what?", answer)) for place, answer in enumerate(answers)]


QUESTIONS = asked("red", "2", "blue", "3", "green", "1")
WHOLE = ["red", "2", "blue", "3", "green", "7"]


def test_right_answers_are_counted_by_kind_and_beside_the_whole_models() -> None:
    score = exact_match(QUESTIONS, ["red", "2", "blue", "3", "grey", "1"], WHOLE)
    assert score.accuracy == pytest.approx(100 * 5 / 6)
    assert score.by_kind == {"a": pytest.approx(100 * 2 / 3), "b": 100}
    assert score.identical == pytest.approx(100 * 4 / 6)
    assert score.low < score.accuracy < score.high


def test_the_error_is_of_differences_so_that_what_both_get_wrong_makes_no_noise() -> None:
    assert exact_match(QUESTIONS, WHOLE, WHOLE).loss_error == 0
    assert exact_match(QUESTIONS, [*WHOLE[:-1], "9"], WHOLE).loss_error == 0, "wrong in another way"
    assert exact_match(QUESTIONS, ["grey", *WHOLE[1:]], WHOLE).loss_error > 0


def test_fidelity_is_100_times_what_is_left_of_a_tokens_probability() -> None:
    score = fidelity([0.1, 0.3], [10, 10], [True, False])
    assert score.accuracy == pytest.approx(100 * math.exp(-0.02))
    assert [score.low, score.high] == pytest.approx([100 * math.exp(-0.03), 100 * math.exp(-0.01)])
    assert score.loss_error == pytest.approx(score.accuracy * 0.01)
    assert score.identical == 50
