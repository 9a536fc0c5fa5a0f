"""How long steps take, and what newcomers owe."""

import pytest

from cloud.engine.scheduling.pace import Pace, StepTimes


def test_a_step_is_as_long_as_those_of_its_size_were_lately() -> None:
    times = StepTimes()
    times.add(4, 1.0)
    assert times.seconds(4) == 1.0
    for _ in range(30):
        times.add(4, 2.0)
    assert times.seconds(4) == pytest.approx(2.0, abs=0.01)


def test_a_larger_step_is_no_longer_than_its_rows_in_smaller_ones_and_a_smaller_one_is_not_known() -> None:
    times = StepTimes()
    times.add(4, 1.0)
    assert (times.seconds(6), times.seconds(3)) == (1.5, None)
    times.add(6, 9.0)  # a machine that was busy for a moment
    assert times.seconds(6) == 1.5


def test_the_quickest_steps_tell_of_a_size() -> None:
    times = StepTimes()
    for seconds in (3.0, 1.0, 9.0):
        times.add_quickest(2, seconds)
    assert 1.0 < (times.seconds(2) or 0) < 1.1
    for _ in range(100):
        times.add_quickest(2, 2.0)
    assert times.seconds(2) == 2.0


def test_a_decode_step_is_known_by_its_bundle_and_rows() -> None:
    pace = Pace()
    pace.decoded("a", 1, 0.4)
    pace.decoded("b", 1, 5.0)
    assert (pace.seconds("a", 1), pace.seconds("b", 1), pace.seconds("c", 1)) == (0.4, 5.0, None)


def test_newcomers_owe_what_they_took_until_others_are_decoded() -> None:
    pace = Pace()
    pace.joined(1.0, stalled=True)
    pace.joined(0.5, stalled=True)
    pace.stalled(0.4)
    assert pace.debt == pytest.approx(0.6)


@pytest.mark.parametrize(("step", "credit"), [(0.01, 0.1), (0.3, 0.3)])
def test_newcomers_may_take_at_once_what_they_left_lately_or_as_long_as_the_last_step(
    step: float, credit: float
) -> None:
    pace = Pace()
    for _ in range(50):
        pace.stalled(step)
    assert pace.debt == pytest.approx(-credit)
    pace.joined(0.02, stalled=True)
    assert pace.debt == pytest.approx(0.02 - credit)


def test_nobody_is_owed_what_stalled_nobody() -> None:
    pace = Pace()
    pace.joined(1.0, stalled=True)
    pace.joined(1.0, stalled=False)
    assert pace.debt == 0


def test_a_step_through_several_segments_is_divided_as_they_usually_take() -> None:
    pace = Pace()
    assert pace.encoding_seconds("a", 2, 0, 1) is None
    pace.encoded("a", 2, 1, 1, 3.0)
    pace.encoded("a", 1, 0, 1, 1.0)
    assert pace.encoding_seconds("a", 2, 0, 1) == 4.0
    for _ in range(30):
        pace.encoded("a", 2, 0, 1, 8.0)
    found = [pace.encoding_seconds("a", left, left - 1, 1) for left in (2, 1)]
    assert found == pytest.approx([6.0, 2.0], abs=0.01)
