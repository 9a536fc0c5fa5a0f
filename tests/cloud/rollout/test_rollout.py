"""What follows of a verdict."""

from dataclasses import replace

from cloud.rollout.canary import Bounds, Verdict
from cloud.rollout.rollout import Rollout
from cloud.rollout.tally import Pair

TIMES = {"tail": 2.0, "generate": 10.0}
GOOD, BAD = Pair(), Pair(candidate_failed=True)


def rollout(*, automatic: bool = True) -> Rollout:
    return Rollout("stable", "candidate", frozenset(), share=0.01, automatic=automatic)


def fed(one: Rollout, pair: Pair, pairs: int) -> Rollout:
    for _ in range(pairs):
        one.take(pair, TIMES, TIMES)
    return one


def test_each_step_to_more_devices_needs_pairs_of_its_own() -> None:
    one, shares = rollout(), []
    for _ in range(4):
        fed(one, GOOD, 400)
        shares.append(one.share)
        assert one.since.pairs < one.tally.pairs
    assert shares == [0.1, 0.5, 1.0, 1.0]


def test_harm_takes_it_from_all_devices_for_good() -> None:
    one = fed(rollout(), BAD, 30)
    assert (one.share, one.judgement.verdict) == (0.0, Verdict.ROLL_BACK)
    fed(one, GOOD, 2000)
    assert (one.share, one.judgement.verdict) == (0.0, Verdict.ROLL_BACK)


def test_an_operator_may_decide_alone() -> None:
    assert fed(rollout(automatic=False), BAD, 30).share == 0.01


def test_harm_that_was_seen_before_a_step_is_not_forgotten() -> None:
    one = fed(rollout(automatic=False), BAD, 9)
    one.set_share(0.5)
    assert fed(one, BAD, 4).judgement.verdict is Verdict.ROLL_BACK


def test_other_bounds_begin_anew_and_the_same_ones_do_not() -> None:
    one = fed(rollout(), BAD, 30)
    one.set_bounds(one.bounds)
    assert one.rolled_back
    one.set_bounds(replace(Bounds(), failures=0.5))
    assert (one.tally.pairs, one.judgement.verdict, one.stable_times) == (0, Verdict.HOLD, {})


def test_times_are_summed_where_both_answered() -> None:
    one = fed(fed(rollout(), BAD, 1), GOOD, 2)
    assert one.candidate_times == {"tail": 4.0, "generate": 20.0}
