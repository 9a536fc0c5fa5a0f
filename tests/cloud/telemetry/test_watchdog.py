"""When a model counts as hanging, by a clock of the test's."""

from itertools import count

from cloud.telemetry.watchdog import Watchdog


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_step_hangs_once_it_takes_longer_than_any_may() -> None:
    watchdog = Watchdog(60.0, clock := Clock())
    found = []
    with watchdog.step():
        for clock.now in (60.0, 60.1):
            found.append(watchdog.hangs)
    assert [*found, watchdog.hangs] == [False, True, False]


def test_of_two_steps_at_once_either_may_hang() -> None:
    watchdog = Watchdog(60.0, clock := Clock())
    with watchdog.step():
        clock.now = 50.0
        with watchdog.step():
            clock.now = 70.0
            assert watchdog.hangs


async def test_who_waits_learns_of_it() -> None:
    seconds = count()
    watchdog = Watchdog(0.001, lambda: float(next(seconds)))
    with watchdog.step():
        await watchdog.hanging()
