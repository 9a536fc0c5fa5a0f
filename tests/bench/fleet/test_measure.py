"""The simulation of rollouts in fleets, with few of each and harm that is plain."""

import json

import pytest

import isthmus
from bench.fleet.cases import Change
from bench.fleet.measure import simulate_change

DEVICES = 1000


def test_harm_is_caught_before_a_tenth_of_the_fleet_has_it_and_what_is_harmless_stays() -> None:
    slower = Change("harmful", "slower", harmful=True, slowdown=0.3)
    worse = Change("harmful", "worse", harmful=True, loss=0.08)
    harmless = Change("harmless", "nothing", harmful=False)
    caught = [simulate_change(change, 3, DEVICES, seed=1).caught for change in (slower, worse)]
    assert caught == [100.0, 100.0]
    assert simulate_change(harmless, 2, DEVICES, seed=1).rolled_back == 0


def test_one_seed_gives_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "fleet-rollouts", "--rollouts", "1", "--devices", "400", "--seed", "3", "--json"]
    told = []
    for _ in range(2):
        assert isthmus.main([*words, "--only", "3% more answers fail"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0]["outcomes"][0]["harmful"]
