"""How quick an answer can be."""

import pytest

from cloud.engine.scheduling.quickest import Quickest


def test_nothing_is_known_of_a_bundle_that_has_not_answered() -> None:
    assert Quickest().seconds("a", 9, 9) == 0


def test_an_answer_waits_for_those_ahead_of_it_and_their_callers_for_each_other() -> None:
    quickest = Quickest()
    quickest.answered("a", alone=0.05, work=0.01)
    quickest.answered("b", alone=9.0, work=9.0)
    assert quickest.seconds("a", 0, 5) == 0.05
    assert quickest.seconds("a", 10, 5) == pytest.approx(0.05 + 10 * 5 * 0.01)


def test_slow_answers_say_little_and_many_of_them_are_believed() -> None:
    quickest = Quickest()
    quickest.answered("a", 0.05, 0.01)
    quickest.answered("a", 5.0, 1.0)
    assert quickest.seconds("a", 0, 1) == pytest.approx(0.05, rel=0.02)
    for _ in range(500):
        quickest.answered("a", 5.0, 1.0)
    assert quickest.seconds("a", 0, 1) == pytest.approx(5.0)
    quickest.answered("a", 0.04, 0.01)
    assert quickest.seconds("a", 0, 1) == 0.04
