"""What keeping a device busy costs the others."""

import pytest

from protos.costs.crowding import delay_of_others


def test_who_comes_meanwhile_waits_for_half_of_it_and_who_came_before_for_all() -> None:
    assert delay_of_others(100, 5.0, 0.0) == pytest.approx(0.5 * 50)
    assert delay_of_others(100, 5.0, 2000.0) == pytest.approx(10 * 100 + 0.5 * 50)


def test_what_cannot_be_done_as_often_is_dear_before_anyone_waits() -> None:
    assert delay_of_others(201, 5.0, 0.0) > 10 * delay_of_others(199, 5.0, 0.0)


def test_where_nothing_comes_nobody_is_delayed() -> None:
    assert not delay_of_others(1000, 0.0, 5000.0)
