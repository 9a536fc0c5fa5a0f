"""Which jobs join and leave, and what the next step is: plain values in, a value out."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from cloud.engine.scheduling.batch_limit import StepLimits
from cloud.engine.scheduling.pace import Pace
from cloud.engine.scheduling.schedulable import Place
from cloud.engine.scheduling.scheduler import InFlight, Schedule, Scheduler
from cloud.sharing.caller import NOBODY, Caller
from cloud.sharing.shares import Shares
from tests.cloud.sharing.callers import named

HERE, THERE = Place("bundle", 2), Place("bundle", 1)
ELSEWHERE = Place("another", 2)


@dataclass(frozen=True)
class Candidate:
    """What the scheduler reads of a job."""

    name: str
    place: Place = HERE
    finished: bool = False
    aborted: bool = False
    caller: Caller = NOBODY
    deadline: float = 0.0
    prompt_tokens: int = 1
    tiles: int = 1
    boundary_bytes: int = 1
    held_seconds: float = 0.0
    resumes: bool = False
    indivisible_tokens: int = 0
    sliced: bool = False
    tokens_left: int = 1


def schedule(
    max_batch: int,
    waiting: Sequence[Candidate],
    *batches: Sequence[Candidate],
    encoded: Sequence[Candidate] = (),
    encoding: Sequence[Candidate] = (),
    pace: Pace | None = None,
    limits: StepLimits | None = None,
    **served: float,
) -> Schedule[Candidate]:
    """Decide where callers of these names were served for so many seconds."""
    shares, in_flight = Shares(), InFlight(encoded, batches, encoding)
    with ExitStack() as stack:
        for job in [*waiting, *in_flight.jobs]:
            stack.enter_context(shares.active(job.caller))
        for name, seconds in served.items():
            shares.charge(named(name), seconds)
        one = Scheduler(max_batch, max_prefill_tokens=8)
        return one.schedule(waiting, in_flight, shares, pace or Pace(), limits or one.limits())


def indebted() -> Pace:
    """Newcomers took a second, and those who run have had nothing yet."""
    pace = Pace()
    pace.joined(1.0, stalled=True)
    return pace


def test_prompts_whose_beginning_was_read_are_prefilled_apart_from_others() -> None:
    encoded = [Candidate("a"), Candidate("b", resumes=True), Candidate("c"), Candidate("d", resumes=True)]
    assert [job.name for job in schedule(8, [], encoded=encoded).prefills] == ["a", "c"]
    assert [job.name for job in schedule(8, [], encoded=encoded[1:2] + encoded[3:]).prefills] == ["b", "d"]


def asked(name: str, caller: str, deadline: float = 0.0) -> Candidate:
    return Candidate(name, caller=named(caller), deadline=deadline)


def rows(caller: str, count: int) -> list[Candidate]:
    return [asked("r", caller)] * count


def names(schedule: Schedule[Candidate]) -> tuple[str, str, str]:
    """The jobs that join, leave, and are dropped, a letter each."""
    return (
        "".join(job.name for job in schedule.joins),
        "".join(job.name for job in schedule.leaves),
        "".join(job.name for job in schedule.drops),
    )


def test_nothing_waits_and_nothing_runs() -> None:
    assert schedule(4, []).idle


def test_the_first_and_all_of_its_place_are_encoded_together() -> None:
    waiting = [Candidate("a"), Candidate("b", THERE), Candidate("c"), Candidate("d", THERE), Candidate("e")]
    assert names(schedule(4, waiting)) == ("ace", "", "")


@pytest.mark.parametrize("place", [THERE, ELSEWHERE, Place("bundle", None)])
def test_a_place_is_a_bundle_and_a_cut(place: Place) -> None:
    assert names(schedule(4, [Candidate("a"), Candidate("b", place)])) == ("a", "", "")


@pytest.mark.parametrize(("max_batch", "joins"), [(1, "a"), (2, "ab"), (3, "abc"), (9, "abc")])
def test_no_more_join_than_fit_in_a_batch(max_batch: int, joins: str) -> None:
    waiting = [Candidate("a"), Candidate("b"), Candidate("c")]
    assert names(schedule(max_batch, waiting))[0] == joins


def test_who_comes_takes_the_rows_that_are_free() -> None:
    waiting = [Candidate("a"), Candidate("b"), Candidate("c")]
    assert names(schedule(4, waiting, [Candidate("r")] * 2)) == ("ab", "", "")
    assert (
        names(schedule(4, waiting, [Candidate("r")], encoded=[Candidate("e")] * 2, pace=indebted()))[0] == ""
    )


def test_who_needs_no_row_waits_for_none() -> None:
    assert names(schedule(1, [Candidate("a", prompt_tokens=0)], rows("flood", 1)))[0] == "a"


def test_finished_and_aborted_jobs_leave_and_the_others_run_on() -> None:
    running = [Candidate("r"), Candidate("s", finished=True), Candidate("t", aborted=True)]
    encoded = [Candidate("u", aborted=True), Candidate("v")]
    assert names(schedule(4, [Candidate("a")], running, encoded=encoded)) == ("", "ust", "")


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


def test_as_many_of_each_caller_join() -> None:
    waiting = [asked(name, "flood") for name in "abcdef"] + [asked("h", "honest"), asked("i", "other")]
    assert set(names(schedule(8, waiting))[0]) == set("ahi")
    assert len(names(schedule(8, waiting[:-2]))[0]) == 6  # alone it has all of it


def test_addresses_share_a_batch_before_their_connections_do() -> None:
    many = [Candidate(name, caller=Caller("a", name)) for name in "klm"]
    joins = schedule(8, [*many, Candidate("h", caller=Caller("b", "h"))]).joins
    assert [job.caller.address for job in joins] == ["a", "b"]


def test_while_newcomers_owe_time_only_who_was_served_less_than_all_who_run_joins() -> None:
    running, newcomer = rows("flood", 1), [asked("h", "honest")]
    assert schedule(4, newcomer, running).joins
    assert schedule(4, newcomer, running, pace=indebted(), honest=0.1).decodes == [0]
    assert schedule(4, newcomer, running, pace=indebted(), flood=0.1).joins
    assert schedule(4, newcomer, pace=indebted()).joins  # nobody waits for it


def test_a_full_batch_has_rows_for_callers_who_hold_less_than_their_part() -> None:
    full = rows("flood", 8)
    honest = [asked(name, "honest") for name in "abcd"]
    assert names(schedule(8, honest, full))[0] == "ab"
    assert names(schedule(8, honest, [*full, *rows("honest", 2)]))[0] == ""
    assert names(schedule(8, [asked("f", "flood"), honest[0]], full))[0] == "a"
    assert names(schedule(8, honest, rows("flood", 16)))[0] == ""
    assert len(names(schedule(1, honest, rows("flood", 1)))[0]) == 1


def test_behind_one_address_connections_have_their_parts() -> None:
    flood = [Candidate("r", caller=Caller("proxy", "flood"))] * 8
    newcomer = Candidate("h", caller=Caller("proxy", "honest"))
    assert names(schedule(8, [newcomer], flood))[0] == "h"
    assert names(schedule(8, [newcomer], [*flood, *rows("elsewhere", 1)]))[0] == ""


def test_prompts_are_prefilled_side_by_side_up_to_a_budget_and_one_always_is() -> None:
    encoded = [Candidate(name, prompt_tokens=tokens) for name, tokens in (("a", 2), ("b", 3), ("c", 3))]
    assert [job.name for job in schedule(4, [], encoded=encoded).prefills] == ["a", "b"]
    assert len(schedule(4, [], encoded=[Candidate("a", prompt_tokens=99)] * 2).prefills) == 1


def test_a_prefill_is_of_one_bundle_whatever_the_cut() -> None:
    encoded = [Candidate("a", HERE), Candidate("b", ELSEWHERE, prompt_tokens=9), Candidate("c", THERE)]
    assert [job.name for job in schedule(4, [], encoded=encoded).prefills] == ["a", "c"]


def test_pictures_that_are_on_their_way_go_on_before_others_set_out() -> None:
    aboard = [Candidate("r", THERE)]
    going = schedule(4, [Candidate("a", deadline=-1)], encoding=aboard)
    assert (going.encodes, going.joins, going.until) == (aboard, [], 0)


def test_those_who_wait_at_a_cut_board_there_and_the_most_urgent_do_first() -> None:
    aboard = [Candidate("r", THERE)]
    waiting = [Candidate(name, THERE, deadline=deadline) for name, deadline in (("a", 2), ("b", 1), ("c", 3))]
    going = schedule(3, [*waiting, Candidate("d", HERE)], encoding=aboard)
    assert names(going)[0] == "ba"
    assert going.encodes == [*aboard, waiting[1], waiting[0]]


def test_of_those_who_board_as_many_are_of_each_caller_and_who_is_on_the_way_goes_on() -> None:
    aboard = [Candidate(name, THERE, caller=named("flood")) for name in "rst"]
    waiting = [Candidate(name, THERE, caller=named("flood")) for name in "ab"]
    going = schedule(8, [*waiting, Candidate("h", THERE, caller=named("honest"))], encoding=aboard)
    assert [job.name for job in going.encodes] == ["r", "s", "t", *names(going)[0]]
    assert sorted(names(going)[0]) in (["a", "h"], ["b", "h"])


def test_whose_turn_it_is_waits_for_those_who_come_in_time_and_no_longer() -> None:
    pace, waiting = Pace(), [Candidate("a", THERE), Candidate("b", HERE, deadline=9)]
    assert names(schedule(4, waiting, pace=pace))[0] == "a"
    pace.encoded("bundle", 2, 1, 1, 0.001)
    going = schedule(4, waiting, pace=pace)
    assert (going.joins, going.held, going.until) == (waiting[1:], waiting[:1], 1)
    assert names(schedule(4, [replace(waiting[0], held_seconds=1), waiting[1]], pace=pace))[0] == "a"


def test_who_was_served_less_is_encoded_before_others_are_prefilled() -> None:
    encoded, waiting = [asked("e", "flood")], [asked("h", "honest")]
    assert schedule(4, waiting, encoded=encoded, flood=1.0).joins == waiting
    assert schedule(4, waiting, encoded=encoded, honest=1.0).prefills == encoded
    assert schedule(4, [Candidate("a")], encoded=[Candidate("e")]).prefills


def test_the_batch_of_who_was_served_least_runs_next() -> None:
    batches = [asked("r", "flood"), asked("s", "other")], [Candidate("h", ELSEWHERE, caller=named("honest"))]
    assert schedule(2, [], *batches, flood=1.0, other=1.0).decodes == [1]
    assert schedule(2, [], *batches, flood=1.0, honest=1.0).decodes == [0]


def test_batches_of_one_caller_become_one_and_those_of_another_bundle_do_not() -> None:
    batches = [Candidate("a")], [Candidate("b", THERE), Candidate("c")], [Candidate("d", ELSEWHERE)]
    assert schedule(4, [], *batches).decodes in ([1, 0], [2])
    assert schedule(4, [], *batches[:2]).decodes == [1, 0]


def test_another_callers_batch_stays_apart_while_a_step_together_would_be_much_slower() -> None:
    pace, batches = Pace(), (rows("flood", 16), rows("honest", 1))
    assert schedule(16, [], *batches, pace=pace, flood=1.0).decodes == [1]
    pace.decoded("bundle", 1, 1.0)
    pace.decoded("bundle", 16, 5.0)
    assert schedule(16, [], *batches, pace=pace, flood=1.0).decodes == [1]
    for _ in range(20):
        pace.decoded("bundle", 16, 1.5)
    assert schedule(16, [], *batches, pace=pace, flood=1.0).decodes == [0, 1]


def measured() -> Pace:
    """A step of 16 rows takes 5 times as long as one of a row."""
    pace = Pace()
    pace.decoded("bundle", 1, 1.0)
    pace.decoded("bundle", 16, 5.0)
    return pace


def long_and_short() -> tuple[list[Candidate], list[Candidate]]:
    return [replace(asked("r", "flood"), tokens_left=64)] * 16, [replace(asked("h", "honest"), tokens_left=8)]


def test_short_answers_go_ahead_of_long_ones_whoever_was_served_less() -> None:
    going = schedule(16, [], *long_and_short(), pace=measured(), honest=1.0)
    assert (going.decodes, going.ahead) == ([1], True)


def test_short_answers_wait_while_others_are_owed_time_unless_they_were_served_less() -> None:
    pace = measured()
    pace.joined(1.0, stalled=True)
    going = schedule(16, [], *long_and_short(), pace=pace, honest=1.0)
    assert (going.decodes, going.ahead) == ([0], False)
    assert schedule(16, [], *long_and_short(), pace=pace, flood=1.0).ahead


def test_short_answers_share_their_steps_with_each_other() -> None:
    long, short = long_and_short()
    pace = measured()
    pace.decoded("bundle", 2, 1.0)
    other = [replace(asked("o", "other"), tokens_left=7)]
    assert schedule(16, [], short, long, other, pace=pace).decodes == [0, 2]


def test_a_newcomer_who_was_served_less_comes_before_short_answers() -> None:
    newcomer = [asked("n", "new")]
    assert schedule(16, newcomer, *long_and_short(), pace=measured(), honest=1.0, flood=1.0).joins == newcomer
    assert schedule(16, newcomer, *long_and_short(), pace=measured(), new=1.0, flood=1.0).ahead


def test_a_long_prompt_is_read_in_slices_of_the_budget_alone() -> None:
    long, short = Candidate("a", prompt_tokens=20), Candidate("b")
    going = schedule(4, [], encoded=[long, short])
    assert (going.prefills, going.slice) == ([long], 8)
    going = schedule(4, [], encoded=[replace(long, prompt_tokens=4, sliced=True), short])
    assert ([job.name for job in going.prefills], going.slice) == (["a"], 0)


def shrunk(step: str, size: int) -> StepLimits:
    """What steps may have where memory ran out in one of this size."""
    limits = Scheduler(8, max_prefill_tokens=8).limits()
    getattr(limits, step).ran_out(size)
    return limits


def test_where_memory_ran_out_fewer_are_encoded_and_fewer_prompts_read() -> None:
    waiting = [Candidate(name) for name in "abcdef"]
    assert names(schedule(8, waiting, limits=shrunk("encode", 6)))[0] == "abc"
    assert len(schedule(8, [], encoded=waiting, limits=shrunk("prefill", 6)).prefills) == 3


def test_where_memory_ran_out_batches_stay_apart_and_fewer_answers_begin() -> None:
    limits = shrunk("decode", 8)
    assert schedule(8, [], rows("r", 3), rows("r", 2), limits=limits).decodes == [0]
    assert schedule(8, [], rows("r", 2), rows("r", 2), limits=limits).decodes == [0, 1]
    waiting = [asked(name, "r") for name in "abcdef"]
    assert names(schedule(8, waiting, rows("r", 1), limits=limits))[0] == "abc"
