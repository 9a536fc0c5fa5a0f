"""The simulation of rollouts in fleets, with few of each and harm that is plain."""

import json

import pytest

import isthmus
from bench.fleet.cases import Change
from bench.fleet.kept import KeptRollouts
from bench.fleet.measure import Fleets, simulate

DEVICES = 1000


def test_harm_is_caught_before_a_tenth_of_the_fleet_has_it_and_what_is_harmless_stays() -> None:
    slower = Change("harmful", "slower", harmful=True, slowdown=0.3)
    worse = Change("harmful", "worse", harmful=True, loss=0.08)
    harmless = Change("harmless", "nothing", harmful=False)
    found = simulate([slower, worse, harmless], Fleets(3, DEVICES, seed=1), {})
    assert [one.caught for one in found[:2]] == [100.0, 100.0]
    assert found[2].rolled_back == 0


def test_a_run_that_was_interrupted_goes_on_and_finds_the_same() -> None:
    failing = [Change("harmful", "failing", harmful=True, failures=0.03)]
    fleets, known = Fleets(2, 200, seed=5), {}
    whole = simulate(failing, fleets, {}, lambda number, ended: known.update({number: list(ended)}))
    kept = KeptRollouts(failing, fleets)
    kept.add(1, known[1])
    done: list[int] = []
    assert simulate(failing, fleets, kept.read(), lambda number, _: done.append(number)) == whole
    assert done == [0]


def test_one_seed_gives_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "fleet-rollouts", "--rollouts", "1", "--devices", "400", "--seed", "3", "--json"]
    told = []
    for _ in range(2):
        assert isthmus.main([*words, "--only", "3% more answers fail"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert told[0]["outcomes"][0]["harmful"]
