"""How requests come, by a clock that the tests turn."""

import random

import pytest

from edge.policy.arrivals import Arrivals, Flow


def test_it_follows_the_last_requests() -> None:
    requests = Arrivals()
    for index in range(100):
        requests.arrived(index * 0.2)
    assert requests.flow.rate == pytest.approx(5)
    for index in range(20):
        requests.arrived(100.0 + index * 4)
    assert requests.flow.rate == pytest.approx(0.25)


def test_a_pause_counts_once_it_is_over_and_few_say_nothing() -> None:
    requests = Arrivals()
    for instant in (0.0, 1.0, 2.0):
        requests.arrived(instant)
    assert requests.flow == Flow()
    requests.arrived(3.0)
    assert requests.flow.rate == pytest.approx(1.0)
    requests.arrived(400.0)
    assert requests.flow.rate == pytest.approx(0.01)


def test_requests_at_one_instant_leave_a_number() -> None:
    requests = Arrivals()
    for _ in range(10):
        requests.arrived(5.0)
    assert 0 < requests.flow.rate < 1e6


def test_clockwork_is_told_from_chance() -> None:
    camera, people = Arrivals(), Arrivals()
    chance, instant, found = random.Random(1), 0.0, []
    for index in range(400):
        camera.arrived(index / 5)
        instant += chance.expovariate(5.0)
        people.arrived(instant)
        found.append(people.flow.variability)
    assert camera.flow.variability == pytest.approx(0, abs=1e-9)
    assert 0.6 < sum(found) / len(found) <= 1
