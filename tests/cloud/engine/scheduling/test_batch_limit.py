"""How much a step has once memory ran out: plain numbers."""

from cloud.engine.scheduling.batch_limit import GOOD_STEPS, BatchLimit


def went_well(limit: BatchLimit, size: int, steps: int) -> int:
    for _ in range(steps):
        limit.went_well(size)
    return limit.now


def test_a_limit_is_half_of_what_ran_out_or_of_itself_and_never_nothing() -> None:
    limit = BatchLimit(32)
    limit.ran_out(20)
    assert limit.now == 10
    limit.ran_out(20)  # a batch from before that is yet to be split
    assert limit.now == 5
    limit.ran_out(1)
    limit.ran_out(1)
    assert limit.now == 1


def test_it_is_raised_slowly_up_to_what_it_was() -> None:
    limit = BatchLimit(32)
    limit.ran_out(32)
    assert went_well(limit, 16, GOOD_STEPS - 1) == 16
    assert went_well(limit, 16, 1) == 18
    assert went_well(limit, 30, 20 * GOOD_STEPS) == 32


def test_small_steps_prove_nothing_of_large_ones() -> None:
    limit = BatchLimit(32)
    limit.ran_out(32)
    assert went_well(limit, 7, 10 * GOOD_STEPS) == 16
    assert went_well(limit, 8, GOOD_STEPS) == 18


def test_it_is_not_raised_while_memory_runs_out_now_and_then() -> None:
    limit = BatchLimit(8)
    limit.ran_out(8)
    for _ in range(5):
        went_well(limit, 4, GOOD_STEPS - 1)
        limit.ran_out(8)
    assert limit.now == 1
