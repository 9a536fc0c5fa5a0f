"""Which answers go ahead of others."""

from collections.abc import Sequence

import pytest

from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Place
from cloud.engine.scheduling.shortest import short_batches
from tests.cloud.engine.scheduling.test_scheduler import ELSEWHERE, HERE, Candidate


def measured(**steps: Sequence[float]) -> Pace:
    """Steps of 1 row and of 16 take so long, by bundle."""
    pace = Pace()
    for bundle, times in steps.items():
        for rows, seconds in zip((1, 16), times, strict=True):
            pace.decoded(bundle, rows, seconds)
    return pace


def rows(count: int, tokens_left: int, place: Place = HERE) -> list[Candidate]:
    return [Candidate("r", place, tokens_left=tokens_left)] * count


@pytest.mark.parametrize(("tokens", "short"), [(7, [1]), (32, [1]), (33, []), (64, [])])
def test_an_answer_is_short_by_what_is_left_of_it_and_of_the_longest(tokens: int, short: list[int]) -> None:
    assert short_batches([rows(16, 64), rows(1, tokens)], measured(bundle=(1.0, 5.0))) == short


@pytest.mark.parametrize(("together", "short"), [(1.4, []), (1.6, [1])])
def test_it_goes_ahead_only_where_company_would_make_it_slower(together: float, short: list[int]) -> None:
    assert short_batches([rows(16, 64), rows(1, 7)], measured(bundle=(1.0, together))) == short


def test_a_step_in_company_is_tried_before_it_is_thought_slow() -> None:
    pace = measured(bundle=(1.0, 16.0))
    assert short_batches([rows(1, 64), rows(1, 7)], pace) == []
    pace.decoded("bundle", 2, 1.9)
    assert short_batches([rows(1, 64), rows(1, 7)], pace) == [1]


def test_many_that_are_soon_over_do_not_leave_one_newcomer_alone() -> None:
    assert short_batches([rows(16, 20), rows(1, 64)], measured(bundle=(1.0, 5.0))) == []


def test_nothing_goes_ahead_of_nothing_or_by_times_that_are_not_known() -> None:
    assert short_batches([], Pace()) == []
    assert short_batches([rows(1, 7)], measured(bundle=(1.0, 5.0))) == []
    assert short_batches([rows(16, 64), rows(1, 7)], Pace()) == []


@pytest.mark.parametrize(("seconds", "short"), [(1.0, [1]), (9.0, [])])
def test_bundles_are_compared_by_the_time_that_their_tokens_take(seconds: float, short: list[int]) -> None:
    pace = measured(bundle=(1.0, 5.0), another=(seconds, 5 * seconds))
    assert short_batches([rows(16, 64), rows(1, 7, ELSEWHERE)], pace) == short
