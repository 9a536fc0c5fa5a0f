import numpy as np
import pytest

from protos import bundle_pb2 as pb
from protos.text.confidence import AnswerConfidence, probability, top_margin

SURE, TORN = [8.0, 0.0, 0.0], [1.0, 1.0, -9.0]


def test_the_margin_is_how_much_likelier_the_first_is_than_the_second() -> None:
    logits = np.log([0.1, 0.6, 0.3]) + 7
    assert top_margin(logits) == pytest.approx(0.3)
    assert top_margin([2.0, -np.inf, -np.inf]) == 1.0, "nothing else may be said"


def test_an_answer_is_as_sure_as_its_least_sure_token() -> None:
    sure = AnswerConfidence()
    assert sure.raw == 0.0
    sure.add(SURE)
    before = sure.raw
    sure.add(TORN)
    sure.add(SURE)
    assert before > 0.99
    assert sure.raw == pytest.approx(0.0)


def test_a_probability_is_linear_between_knots_and_constant_beyond() -> None:
    knots = [pb.Knot(raw=0.2, agreement=0.5), pb.Knot(raw=0.6, agreement=0.9)]
    assert [probability(knots, raw) for raw in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx(
        [0.5, 0.5, 0.7, 0.9, 0.9]
    )
