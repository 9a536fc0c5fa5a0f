"""The simulation of rollouts, with few of each."""

import json

import pytest

import isthmus
from bench.rollout.cases import cases
from bench.rollout.measure import simulate

ROLLOUTS = 100


def test_harmless_candidates_advance_and_harmful_ones_are_rolled_back() -> None:
    found = {case.group: simulate(case, ROLLOUTS, seed=1) for case in cases()}  # the worst of each group
    assert found["harmless"].rolled_back <= 3
    assert found["failures, 2% before"].rolled_back > 90
    assert found["10% slower, both run each request"].rolled_back > 15
    assert found["other answers, 10% allowed"].rolled_back > 90
    assert max(one.advanced for group, one in found.items() if "harmless" not in group) <= 5
    assert found["harmless, 0.1% failures"].advanced > 80


def test_one_seed_gives_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        assert isthmus.main(["bench", "rollout", "--rollouts", "5", "--seed", "3", "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert len(told[0]["outcomes"]) == len(cases())
