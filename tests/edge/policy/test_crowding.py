"""What keeping a device busy costs the others, beside a queue that is simulated."""

import random

import pytest

from edge.policy.arrivals import Flow
from edge.policy.crowding import delay_of_others


def added_delay(busy: float, extra: float, gaps: list[float]) -> float:
    """Seconds that all others wait more for a server, each being served for `busy`, where the first takes
    `extra` longer.
    """
    waited = [0.0, 0.0]
    for which, more in enumerate((0.0, extra)):
        free = busy + more
        instant = 0.0
        for gap in gaps:
            instant += gap
            waited[which] += max(free - instant, 0.0)
            free = max(free, instant) + busy
    return waited[1] - waited[0]


def test_work_like_clockwork_delays_nobody_more_than_once() -> None:
    assert delay_of_others(100, Flow(5, 0.0), 0.0) == pytest.approx(100 * 0.5 * 0.5)


def test_what_comes_by_chance_is_delayed_for_longer_the_less_time_is_left() -> None:
    chance = random.Random(2)
    for load in (0.3, 0.6, 0.8):
        busy, rate = 0.1, load / 0.1
        true = sum(
            added_delay(busy, busy, [chance.expovariate(rate) for _ in range(200)]) for _ in range(2000)
        )
        believed = delay_of_others(1000 * busy, Flow(rate), 0.0) / 1000
        # the first request delays others by itself, too: only what its double delays them more is compared
        assert 0.3 < believed / (true / 2000) < 1.5


def test_what_cannot_be_done_as_often_is_dear_before_anyone_waits() -> None:
    assert delay_of_others(300, Flow(5, 0.0), 0.0) > 10 * delay_of_others(150, Flow(5, 0.0), 0.0)


def test_where_nothing_comes_nobody_is_delayed() -> None:
    assert not delay_of_others(1000, Flow(), 5000.0)
