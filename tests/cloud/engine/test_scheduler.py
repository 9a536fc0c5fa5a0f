"""Which jobs join and leave a batch: plain values in, a value out."""

from dataclasses import dataclass

import pytest

from cloud.engine.scheduler import Place, Schedule, Scheduler

HERE, THERE = Place("bundle", "vision.2"), Place("bundle", "connector")


@dataclass(frozen=True)
class Candidate:
    """What the scheduler reads of a job."""

    name: str
    place: Place = HERE
    finished: bool = False
    aborted: bool = False


def names(schedule: Schedule[Candidate]) -> tuple[str, str, str]:
    """The jobs that join, leave, and are dropped, a letter each."""
    return (
        "".join(job.name for job in schedule.joins),
        "".join(job.name for job in schedule.leaves),
        "".join(job.name for job in schedule.drops),
    )


def test_nothing_waits_and_nothing_runs() -> None:
    assert Scheduler(4).schedule([], []) == Schedule([], [], [])


def test_the_oldest_and_all_of_its_place_join_together() -> None:
    waiting = [Candidate("a"), Candidate("b", THERE), Candidate("c"), Candidate("d", THERE), Candidate("e")]
    assert names(Scheduler(4).schedule(waiting, [])) == ("ace", "", "")


@pytest.mark.parametrize("place", [THERE, Place("another", "vision.2"), Place("bundle", None)])
def test_a_place_is_a_bundle_and_a_cut(place: Place) -> None:
    assert names(Scheduler(4).schedule([Candidate("a"), Candidate("b", place)], [])) == ("a", "", "")


@pytest.mark.parametrize(("max_batch", "joins"), [(1, "a"), (2, "ab"), (3, "abc"), (9, "abc")])
def test_no_more_join_than_fit_in_a_batch(max_batch: int, joins: str) -> None:
    waiting = [Candidate("a"), Candidate("b"), Candidate("c")]
    assert names(Scheduler(max_batch).schedule(waiting, []))[0] == joins


def test_none_joins_while_a_batch_runs_though_there_is_room() -> None:
    assert names(Scheduler(4).schedule([Candidate("a")], [Candidate("r")])) == ("", "", "")


def test_finished_and_aborted_jobs_leave_and_the_others_run_on() -> None:
    running = [Candidate("r"), Candidate("s", finished=True), Candidate("t", aborted=True)]
    assert names(Scheduler(4).schedule([Candidate("a")], running)) == ("", "st", "")


def test_the_last_one_leaves_before_others_join() -> None:
    """Whoever was answered in that batch may ask again in time for the next."""
    waiting = [Candidate("a", THERE), Candidate("b")]
    assert names(Scheduler(4).schedule(waiting, [Candidate("r", finished=True)])) == ("", "r", "")


def test_an_aborted_job_is_dropped_and_decides_no_place() -> None:
    waiting = [
        Candidate("a", THERE, aborted=True),
        Candidate("b"),
        Candidate("c", aborted=True),
        Candidate("d"),
    ]
    assert names(Scheduler(4).schedule(waiting, [])) == ("bd", "", "ac")


def test_jobs_that_are_all_aborted_leave_nothing_to_run() -> None:
    assert names(Scheduler(4).schedule([Candidate("a", aborted=True)], [])) == ("", "", "a")
