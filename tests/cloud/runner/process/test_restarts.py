"""When a process that ended is started again."""

from cloud.runner.process.restarts import Restarts


def test_it_is_started_at_once_at_first_and_then_later_and_later_and_then_given_up() -> None:
    restarts = Restarts()
    assert [restarts.delay(float(instant)) for instant in range(6)] == [0, 1, 2, 4, 8, None]
    assert restarts.count == 5


def test_what_is_long_past_does_not_count() -> None:
    restarts = Restarts()
    assert [restarts.delay(instant * 700.0) for instant in range(9)] == [0.0] * 9
