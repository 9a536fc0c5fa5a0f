"""How often something else may be tried."""

from itertools import pairwise

import pytest

from edge.policy.trials import Trials


def tried(share: float, requests: int) -> list[int]:
    """The numbers of the requests that were trials, where every one that may be is."""
    trials, taken = Trials(share), []
    for number in range(requests):
        if due := trials.due():
            taken.append(number)
        trials.count(due)
    return taken


@pytest.mark.parametrize("share", [0.01, 0.02, 0.1])
def test_no_more_than_the_share_are_trials_after_the_first(share: float) -> None:
    taken = tried(share, 5000)
    assert len(taken) == pytest.approx(share * 5000 + 3, rel=0.05)
    assert all(index + 1 <= 3 + share * (number + 1) for index, number in enumerate(taken))


def test_a_share_of_none_tries_nothing() -> None:
    assert tried(0.0, 1000) == []


def test_what_was_saved_up_is_soon_spent_but_not_at_once() -> None:
    trials, taken = Trials(0.02), []
    for _ in range(1000):
        trials.count(False)
    for number in range(30):
        if due := trials.due():
            taken.append(number)
        trials.count(due)
    assert len(taken) == 3
    assert taken[-1] < 20
    assert min(after - before for before, after in pairwise(taken)) >= 5
