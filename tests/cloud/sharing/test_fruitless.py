"""Who makes calls that come to nothing, again and again, is held back."""

import pytest

from cloud.sharing.caller import Caller
from cloud.sharing.fruitless import _LONGEST_SECONDS, _MAX_KNOWN, _OF_ADDRESS, _OF_CONNECTION, Fruitless
from tests.cloud.sharing.callers import named

HASTY, OTHER = named("hasty"), named("other")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_few_hold_nobody_back_and_many_their_own_caller_for_a_while() -> None:
    clock = Clock()
    fruitless = Fruitless(clock)
    fruitless.count(HASTY, int(_OF_CONNECTION) - 1)
    assert fruitless.seconds(HASTY) == pytest.approx(0)
    fruitless.count(HASTY)
    held_back = fruitless.seconds(HASTY)
    assert 0 < held_back <= 1.01 / _OF_CONNECTION
    assert not fruitless.seconds(OTHER)
    clock.now += held_back + 1e-6
    assert not fruitless.seconds(HASTY)


def test_few_a_second_are_never_held_back() -> None:
    clock = Clock()
    fruitless = Fruitless(clock)
    for _ in range(1000):
        fruitless.count(HASTY)
        clock.now += 1.01 / _OF_CONNECTION
        assert not fruitless.seconds(HASTY)


def test_many_connections_of_an_address_get_no_more_than_a_few() -> None:
    fruitless = Fruitless(Clock())
    many = [Caller("10.0.0.1", f"{port}") for port in range(int(_OF_ADDRESS))]
    for caller in many:
        fruitless.count(caller)
    assert all(fruitless.seconds(caller) > 0 for caller in many)
    # who shares their address, and had no such call, is not held back, and no other address is
    assert not fruitless.seconds(Caller("10.0.0.1", "honest"))
    assert not fruitless.seconds(OTHER)


def test_nobody_is_held_back_for_long() -> None:
    fruitless = Fruitless(Clock())
    fruitless.count(HASTY, 10_000)
    assert fruitless.seconds(HASTY) == pytest.approx(_LONGEST_SECONDS, abs=1 / _OF_CONNECTION)


def test_who_had_none_lately_is_forgotten() -> None:
    clock = Clock()
    fruitless = Fruitless(clock)
    for number in range(10 * _MAX_KNOWN):
        fruitless.count(named(str(number)))
        clock.now += 1.0
    assert len(fruitless._connections._empty) <= _MAX_KNOWN
    assert len(fruitless._addresses._empty) <= _MAX_KNOWN
