"""How good decisions were, with plain values."""

import pytest

from edge.decision_log.record import Figures
from edge.decision_log.review import replayed_ms, review
from tests.edge.decision_log.records import LOCAL, SPLIT, record, way


def took(of: Figures, **changed: float) -> dict[str, float]:
    """What was predicted, but for some stages; the total follows."""
    real = {**of, **changed}
    parts = ("head", "encode", "network", "queue", "cloud", "generate")
    return real | {"total_ms": sum(real[part] for part in parts)}


def test_an_empty_log_says_nothing() -> None:
    found = review([])
    assert (found.requests, found.stages, found.met, found.best_in_hindsight) == (0, (), None, None)


def test_stages_are_told_by_their_ratio() -> None:
    slower = [record(real=took(SPLIT.predicted, network=40.0 * ratio)) for ratio in (1.0, 2.0, 3.0)]
    stages = {stage.stage: stage for stage in review(slower).stages}
    network = stages["network"]
    assert (network.count, network.median) == (3, 2.0)
    assert 1.0 < network.low < network.high < 3.0
    assert stages["head"].median == 1.0
    assert "queue" not in stages, "which took no time"


def test_what_came_another_way_says_nothing_of_the_stages() -> None:
    found = review([record(route="local", real=took(LOCAL.predicted))])
    assert (found.as_decided, found.stages, found.judged) == (0.0, (), 0)


def test_deadlines_that_were_met_are_held_against_what_was_promised() -> None:
    timed = [record(deadline_ms=limit, promised=promised) for limit, promised in ((200.0, 1.0), (50.0, 0.8))]
    found = review([*timed, record()])
    assert (found.with_deadline, found.met) == (2, 0.5)
    assert found.promised == pytest.approx(0.9)


def test_another_way_is_replayed_with_the_ratios_of_the_same_request() -> None:
    one = record(real=took(SPLIT.predicted, head=40.0, encode=4.0, network=400.0, generate=90.0))
    assert replayed_ms(one, SPLIT) == pytest.approx(40 + 4 + 400 + 10 + 90)
    assert replayed_ms(one, LOCAL) == pytest.approx(2 * 60 + 80), "its own tokens were not seen"
    upload = way("upload@jpeg-75", encode=1.0, network=100.0, cloud=30.0, generate=30.0)
    assert replayed_ms(one, upload) == pytest.approx(2 + 1000 + 30 + 90)


def test_time_before_the_decision_is_the_same_for_all() -> None:
    total = {"total_ms": 7.0 + 102.0}
    one = record(chosen=way(SPLIT.arm, **{**SPLIT.predicted, **total}))
    assert replayed_ms(one, LOCAL) == pytest.approx(7 + 140)


def test_a_choice_was_the_best_unless_another_would_have_been_better_in_hindsight() -> None:
    good, bad = record(), record(real=took(SPLIT.predicted, network=240.0))
    found = review([good, bad])
    assert (found.judged, found.best_in_hindsight) == (2, 0.5)
    assert found.regret_ms == pytest.approx((302 - 140) / 2)


def test_what_is_not_time_counts_as_it_was_decided_by() -> None:
    dear = way("local", score=500.0, head=60.0, generate=80.0)
    assert (
        review([record(others=(dear,), real=took(SPLIT.predicted, network=240.0))]).best_in_hindsight == 1.0
    )


def test_trials_are_counted_and_not_judged() -> None:
    found = review([record(), record(trial=True), record(), record()])
    assert (found.trials, found.judged) == (0.25, 3)
