"""Which prompts a step reads, and how far: plain values."""

from dataclasses import replace

import pytest

from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.prompts import MIN_SLICE, side_by_side, slice_of, token_budget
from tests.cloud.engine.scheduling.test_scheduler import Candidate


def of(tokens: int, indivisible: int = 0) -> Candidate:
    return Candidate("a", prompt_tokens=tokens, indivisible_tokens=indivisible)


@pytest.mark.parametrize(
    ("job", "budget", "size"),
    [
        (of(100), 100, 0),
        (of(101), 100, 100),
        (of(101, indivisible=50), 100, 100),
        (of(200, indivisible=150), 100, 150),
        (of(200, indivisible=200), 100, 0),
    ],
)
def test_a_prompt_longer_than_the_budget_is_read_in_slices_as_far_as_its_family_can(
    job: Candidate, budget: int, size: int
) -> None:
    assert slice_of([job], budget) == size


def test_a_prompt_that_is_read_in_part_is_alone() -> None:
    sliced, short = replace(of(5), sliced=True), of(5)
    assert side_by_side([sliced, short, short], 100) == [sliced]
    assert side_by_side([short, sliced, short], 100) == [short, short]


def test_a_step_that_stalls_answers_reads_what_takes_no_longer_than_they_may_stand_still() -> None:
    pace = Pace()
    assert token_budget(1024, "b", pace, stalls=True) == 1024
    pace.prefilled("b", 1000, 0.25)
    assert token_budget(1024, "b", pace, stalls=True) == 400
    assert token_budget(1024, "b", pace, stalls=False) == 1024
    for _ in range(50):
        pace.prefilled("b", 10, 1.0)
    assert token_budget(1024, "b", pace, stalls=True) == MIN_SLICE
    assert token_budget(40, "b", pace, stalls=True) == 40  # memory ran out
