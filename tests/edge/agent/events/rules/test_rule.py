"""When events begin and end, whatever answers and clocks do."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge.agent.events.event import Phase
from edge.agent.events.rules.conditions import Observed
from edge.agent.events.rules.rule import EventRule, event_rule
from tests.edge.agent.events.sightings import rule

YES, NO = Observed("yes"), Observed("no")
Steps = list[tuple[bool, float]]
STEPS = st.lists(st.tuples(st.booleans(), st.floats(-100, 100)), max_size=60)


def phases(machine: EventRule, *answers: tuple[str, float]) -> list[Phase | None]:
    return [machine.observe(Observed(text), at) for text, at in answers]


def test_it_begins_once_and_ends_once() -> None:
    machine = event_rule(rule(equals="yes"))
    told = phases(machine, ("no", 0), ("yes", 1), ("yes", 2), ("no", 3), ("no", 4), ("yes", 5))
    assert told == [None, "begin", None, "end", None, "begin"]


def test_it_has_to_hold_for_its_time_without_a_break() -> None:
    machine = event_rule(rule(equals="yes", **{"for": "10s"}))
    told = phases(machine, ("yes", 0), ("yes", 9), ("no", 9.5), ("yes", 10), ("yes", 19), ("yes", 20))
    assert told == [None, None, None, None, None, "begin"]


def test_after_its_end_it_is_quiet_for_its_cooldown() -> None:
    machine = event_rule(rule(equals="yes", cooldown="1min"))
    told = phases(machine, ("yes", 0), ("no", 10), ("yes", 20), ("yes", 69), ("yes", 70))
    assert told == ["begin", "end", None, None, "begin"], "what still holds then begins then"


def test_a_change_is_another_answer_than_the_last() -> None:
    machine = event_rule(rule(changed=True))
    told = phases(machine, ("red", 0), ("Red.", 1), ("green", 2), ("green", 3), ("red", 4))
    assert told == [None, None, "changed", None, "changed"], "case and punctuation are no change"


def test_a_change_has_to_stand_and_flicker_does_not() -> None:
    machine = event_rule(rule(changed=True, **{"for": "5s"}))
    told = phases(machine, ("red", 0), ("green", 1), ("red", 2), ("green", 3), ("green", 7), ("green", 8))
    assert told == [None, None, None, None, None, "changed"]


def test_a_change_in_the_cooldown_is_told_after_it_if_it_lasts() -> None:
    machine = event_rule(rule(changed=True, cooldown="10s"))
    told = phases(machine, ("a", 0), ("b", 1), ("c", 2), ("c", 10), ("c", 11), ("c", 30))
    assert told == [None, "changed", None, None, "changed", None]


@given(STEPS, st.floats(0, 50), st.floats(0, 50))
def test_begin_and_end_alternate_and_keep_their_times(steps: Steps, hold: float, cooldown: float) -> None:
    machine = event_rule(rule(equals="yes", **{"for": f"{hold:.3f}s"}, cooldown=f"{cooldown:.3f}s"))
    at, latest = 0.0, -math.inf
    since, ended, active = None, None, False
    for yes, step in steps:
        at += step
        latest = max(at, latest)  # a clock that steps back stands still
        since = (latest if since is None else since) if yes else None
        phase = machine.observe(YES if yes else NO, at)
        if phase == "begin":
            assert since is not None
            assert not active
            assert latest - since >= round(hold, 3) - 1e-6
            assert ended is None or latest - ended >= round(cooldown, 3) - 1e-6
        if phase == "end":
            assert active
            assert not yes
            ended = latest
        active = phase == "begin" or (active and phase is None)
        assert machine.active == active


@given(STEPS, st.integers(0, 60), st.floats(-1e6, 1e6))
def test_a_restart_anywhere_neither_repeats_nor_forgets(steps: Steps, stop: int, offset: float) -> None:
    settings = rule(equals="yes", cooldown="20s")
    one = event_rule(settings)
    told, at, moved = list[Phase](), 0.0, 0.0
    for index, (yes, step) in enumerate(steps):
        if index == stop:
            state = one.state(at + moved)
            one, moved = event_rule(settings), offset  # another process, whose clock begins elsewhere
            one.restore(state, at + moved)
            assert one.active == state.active
        at += abs(step)
        if phase := one.observe(YES if yes else NO, at + moved):
            told.append(phase)
    assert told == [("begin", "end")[index % 2] for index in range(len(told))]


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=30), st.integers(0, 30))
def test_a_change_over_a_restart_is_told_and_told_once(answers: list[str], stop: int) -> None:
    settings = rule(changed=True)
    one, told = event_rule(settings), list[str]()
    for index, answer in enumerate(answers):
        if index == stop:
            state = one.state(index)
            one = event_rule(settings)
            one.restore(state, 1000 + index)
        if one.observe(Observed(answer), 2000 + index):
            told.append(answer)
    changes = [now for before, now in pairwise(answers) if now != before]
    assert told == changes
