"""Who asks and hangs up again and again is held back."""

from cloud.sharing.abandoned import _A_SECOND, _AT_ONCE, _MAX_KNOWN, Abandoned
from tests.cloud.sharing.callers import named

HASTY, OTHER = named("hasty"), named("other")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_few_hold_nobody_back_and_many_their_own_caller_for_a_while() -> None:
    clock = Clock()
    abandoned = Abandoned(clock)
    for _ in range(_AT_ONCE - 1):
        abandoned.count(HASTY)
    assert not abandoned.seconds(HASTY)
    abandoned.count(HASTY)
    held_back = abandoned.seconds(HASTY)
    assert 0 < held_back <= 1.01 / _A_SECOND
    assert not abandoned.seconds(OTHER)
    clock.now += held_back + 1e-6
    assert not abandoned.seconds(HASTY)


def test_who_abandons_few_a_second_is_never_held_back() -> None:
    clock = Clock()
    abandoned = Abandoned(clock)
    for _ in range(1000):
        abandoned.count(HASTY)
        clock.now += 1.01 / _A_SECOND
        assert not abandoned.seconds(HASTY)


def test_who_has_not_abandoned_any_lately_is_forgotten() -> None:
    clock = Clock()
    abandoned = Abandoned(clock)
    for number in range(10 * _MAX_KNOWN):
        abandoned.count(named(str(number)))
        clock.now += 1.0
    assert len(abandoned._empty) <= _MAX_KNOWN
