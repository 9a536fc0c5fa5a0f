"""Where the next encoding step starts and ends, and how many it takes, by times of tenths of seconds."""

from dataclasses import replace

import pytest

from cloud.engine.scheduling.conveyor import arrival, departure, together
from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Place
from tests.cloud.engine.scheduling.test_scheduler import Candidate


def standing(*left: int, bundle: str = "bundle") -> list[Candidate]:
    """A job where so many segments are left, for each."""
    return [Candidate(str(number), Place(bundle, number)) for number in left]


def measured(seconds: float = 0.1) -> Pace:
    """Every segment takes as long, however many tiles go through it."""
    pace = Pace()
    for left in (1, 2, 3):
        for tiles in (1, 2, 3):
            pace.encoded("bundle", left, left - 1, tiles, seconds)
    return pace


@pytest.mark.parametrize(
    ("max_wait", "start"), [(0.05, 1), (0.15, 2), (0.25, 3)], ids=["nobody", "the next", "all"]
)
def test_the_first_waits_for_the_earliest_who_reach_it_in_time(max_wait: float, start: int) -> None:
    assert departure(standing(1, 2, 3), measured(), max_wait, 8) == Place("bundle", start)


def test_who_has_waited_waits_only_for_what_is_left_of_it() -> None:
    first, *others = standing(1, 2, 3)
    assert departure([replace(first, held_seconds=0.1), *others], measured(), 0.25, 8).left == 2


def test_a_batch_that_would_be_full_goes_at_once() -> None:
    assert departure(standing(1, 1, 2), measured(), 0.25, 3).left == 2
    assert departure(standing(1, 1, 2), measured(), 0.25, 2).left == 1


def test_nobody_waits_for_who_is_behind_of_another_bundle_or_of_unknown_time() -> None:
    assert departure(standing(2, 1), measured(), 1, 8).left == 2
    assert departure([*standing(1), *standing(2, bundle="another")], measured(), 1, 8).left == 1
    assert departure(standing(1, 2), Pace(), 1, 8).left == 1


@pytest.mark.parametrize("left", [0, None])
def test_who_needs_no_layer_waits_for_nobody(left: int | None) -> None:
    first = Candidate("a", Place("bundle", left))
    assert departure([first, *standing(1)], measured(), 1, 8) == first.place


@pytest.mark.parametrize(("max_wait", "end"), [(0.15, 2), (0.25, 1), (0.35, 0)])
def test_where_nobody_waits_a_step_goes_on_as_long_as_whoever_comes_may_wait(
    max_wait: float, end: int
) -> None:
    going = standing(3, 3)
    assert arrival(going, going, measured(), max_wait) == end
    assert arrival(going, going, Pace(), max_wait) == 2


def test_a_step_ends_where_another_job_waits() -> None:
    going = standing(3)
    assert arrival(going, [*going, *standing(1)], measured(), 1) == 1
    assert arrival(going, [*going, *standing(1, bundle="another")], measured(), 1) == 0


def test_a_step_takes_one_always_and_no_more_than_fit_in_the_memory() -> None:
    large = [replace(job, boundary_bytes=200 << 20) for job in standing(1, 1)]
    assert together(large, Pace(), stalls=False) == large[:1]
    assert together(large[:1], measured(seconds=9), stalls=True) == large[:1]
    assert together(standing(1, 1), Pace(), stalls=False) == standing(1, 1)


@pytest.mark.parametrize(("seconds", "stalls", "count"), [(0.2, True, 1), (0.2, False, 2), (0.05, True, 2)])
def test_a_step_that_stalls_answers_is_short(seconds: float, stalls: bool, count: int) -> None:
    assert len(together(standing(1, 1), measured(seconds), stalls=stalls)) == count
    assert len(together(standing(1, 1), Pace(), stalls=stalls)) == 2
