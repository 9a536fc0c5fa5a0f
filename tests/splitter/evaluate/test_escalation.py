"""Answers of a device and of a cloud, mixed by how sure the device is."""

from collections.abc import Sequence

import pytest

from splitter.evaluate.escalation import calibration, thresholds
from splitter.evaluate.scores import Score, exact_match
from splitter.nano.questions import Question

COUNT = 40
QUESTIONS = [(i // 4, Question("colour", "?", "red")) for i in range(COUNT)]


class Exact:
    """The whole model says red, always."""

    @property
    def owners(self) -> list[int]:
        return [index for index, _ in QUESTIONS]

    def agreeing(self, outcomes: Sequence[str]) -> list[bool]:
        return [one == "red" for one in outcomes]

    def scored(self, outcomes: Sequence[str]) -> Score:
        return exact_match(QUESTIONS, outcomes, ["red"] * COUNT)


HERE = ["blue"] * 8 + ["red"] * 32  # wrong where it is least sure
RAW = [i / COUNT for i in range(COUNT)]


def test_what_is_not_sure_goes_to_the_cloud_and_accuracy_climbs_to_its() -> None:
    found = calibration(Exact(), HERE, ["red"] * COUNT, RAW)
    assert [round(one.escalated, 3) for one in found.cascades] == pytest.approx([i / 10 for i in range(11)])
    assert [one.accuracy for one in found.cascades] == [80.0, 90.0, *[100.0] * 9]
    assert [one.kept for one in found.cascades[:3]] == pytest.approx([0.8, 32 / 36, 1.0])
    assert all(one.kept_low < one.kept for one in found.cascades)
    assert (found.auroc, found.count) == (1.0, COUNT)
    assert [knot.agreement for knot in found.knots] == pytest.approx([0.0, 1.0])
    assert all(knot.low <= knot.agreement <= knot.high for knot in found.knots)


def test_a_cloud_that_is_wrong_is_counted_so() -> None:
    found = calibration(Exact(), HERE, ["blue"] * COUNT, RAW)
    assert [one.accuracy for one in found.cascades][::10] == [80.0, 0.0]


def test_answers_that_are_as_sure_go_the_same_way() -> None:
    assert thresholds([0.5] * 30) == [0.5, pytest.approx(0.5)]
    assert thresholds([0.5] * 30)[1] > 0.5, "above all of them"
    assert len(thresholds(RAW)) == 11
