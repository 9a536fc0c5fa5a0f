"""Which jobs join and leave a batch: plain values in, a value out."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

import pytest

from cloud.engine.scheduler import Place, Schedule, Scheduler
from cloud.sharing.caller import NOBODY, Caller
from cloud.sharing.shares import Shares
from tests.cloud.sharing.callers import named

HERE, THERE = Place("bundle", "vision.2"), Place("bundle", "connector")


@dataclass(frozen=True)
class Candidate:
    """What the scheduler reads of a job."""

    name: str
    place: Place = HERE
    finished: bool = False
    aborted: bool = False
    caller: Caller = NOBODY
    deadline: float = 0.0


def schedule(
    max_batch: int, waiting: Sequence[Candidate], *batches: Sequence[Candidate], **served: float
) -> Schedule[Candidate]:
    """Decide where callers of these names were served for so many seconds."""
    shares = Shares()
    with ExitStack() as stack:
        for job in [*waiting, *chain(*batches)]:
            stack.enter_context(shares.active(job.caller))
        for name, seconds in served.items():
            shares.charge(named(name), seconds)
        return Scheduler(max_batch).schedule(waiting, batches, shares)


def asked(name: str, caller: str, deadline: float = 0.0) -> Candidate:
    return Candidate(name, caller=named(caller), deadline=deadline)


def names(schedule: Schedule[Candidate]) -> tuple[str, str, str]:
    """The jobs that join, leave, and are dropped, a letter each."""
    return (
        "".join(job.name for job in schedule.joins),
        "".join(job.name for job in schedule.leaves),
        "".join(job.name for job in schedule.drops),
    )


def test_nothing_waits_and_nothing_runs() -> None:
    assert schedule(4, []) == Schedule(drops=[])


def test_the_first_and_all_of_its_place_join_together() -> None:
    waiting = [Candidate("a"), Candidate("b", THERE), Candidate("c"), Candidate("d", THERE), Candidate("e")]
    assert names(schedule(4, waiting)) == ("ace", "", "")


@pytest.mark.parametrize("place", [THERE, Place("another", "vision.2"), Place("bundle", None)])
def test_a_place_is_a_bundle_and_a_cut(place: Place) -> None:
    assert names(schedule(4, [Candidate("a"), Candidate("b", place)])) == ("a", "", "")


@pytest.mark.parametrize(("max_batch", "joins"), [(1, "a"), (2, "ab"), (3, "abc"), (9, "abc")])
def test_no_more_join_than_fit_in_a_batch(max_batch: int, joins: str) -> None:
    waiting = [Candidate("a"), Candidate("b"), Candidate("c")]
    assert names(schedule(max_batch, waiting))[0] == joins


def test_a_caller_does_not_overtake_itself() -> None:
    assert names(schedule(4, [Candidate("a")], [Candidate("r")])) == ("", "", "")


def test_finished_and_aborted_jobs_leave_and_the_others_run_on() -> None:
    running = [Candidate("r"), Candidate("s", finished=True), Candidate("t", aborted=True)]
    assert names(schedule(4, [Candidate("a")], running)) == ("", "st", "")


def test_the_last_one_leaves_before_others_join() -> None:
    """Whoever was answered in that batch may ask again in time for the next."""
    waiting = [Candidate("a", THERE), Candidate("b")]
    assert names(schedule(4, waiting, [Candidate("r", finished=True)])) == ("", "r", "")


def test_an_aborted_job_is_dropped_and_decides_no_place() -> None:
    waiting = [
        Candidate("a", THERE, aborted=True),
        Candidate("b"),
        Candidate("c", aborted=True),
        Candidate("d"),
    ]
    assert names(schedule(4, waiting)) == ("bd", "", "ac")


def test_jobs_that_are_all_aborted_leave_nothing_to_run() -> None:
    assert names(schedule(4, [Candidate("a", aborted=True)])) == ("", "", "a")


def test_the_caller_who_was_served_least_is_first_and_of_its_jobs_the_most_urgent() -> None:
    waiting = [asked("a", "one"), asked("b", "two", deadline=9), asked("c", "two", deadline=5)]
    assert names(schedule(1, waiting, one=1.0)) == ("c", "", "")
    assert names(schedule(1, waiting, two=1.0)) == ("a", "", "")


def test_a_batch_has_as_many_of_each_caller() -> None:
    waiting = [asked(name, "flood") for name in "abcdef"] + [asked("h", "honest"), asked("i", "other")]
    assert set(names(schedule(8, waiting))[0]) == set("ahi")
    assert len(names(schedule(8, waiting[:-2]))[0]) == 6  # alone it has all of it


def test_addresses_share_a_batch_before_their_connections_do() -> None:
    many = [Candidate(name, caller=Caller("a", name)) for name in "klm"]
    joins = schedule(8, [*many, Candidate("h", caller=Caller("b", "h"))]).joins
    assert [job.caller.address for job in joins] == ["a", "b"]


def test_who_was_served_clearly_less_overtakes_a_batch_that_runs() -> None:
    running = [asked("r", "flood")]
    assert names(schedule(2, [asked("h", "honest")], running, flood=1.0))[0] == "h"
    assert schedule(2, [asked("h", "honest")], running, flood=0.01) == Schedule(turn=0, drops=[])
    assert schedule(2, [asked("h", "honest")], running, honest=1.0) == Schedule(turn=0, drops=[])


def test_the_batch_of_who_was_served_least_runs_next() -> None:
    batches = [asked("r", "flood"), asked("s", "other")], [asked("h", "honest")]
    assert schedule(2, [], *batches, flood=1.0, other=1.0).turn == 1
    assert schedule(2, [], *batches, flood=1.0, honest=1.0).turn == 0


@pytest.mark.parametrize(("running", "joins"), [(0, 8), (8, 4), (12, 2), (14, 1), (15, 1), (16, 0)])
def test_who_overtakes_leaves_room_for_the_next_to_do_so(running: int, joins: int) -> None:
    batches = [[asked("r", "flood")] * running] if running else []
    waiting = [asked(str(number), "other") for number in range(16)]
    assert len(schedule(8, waiting, *batches, flood=1.0).joins) == joins
