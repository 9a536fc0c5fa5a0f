from dataclasses import replace

from bench.rig.outcomes import AUTO, REMOTE, Outcome
from deploy.demo.decisions import Phase, decided, phases
from deploy.demo.record import LinkRun, Record
from tests.deploy.demo.records import record, visual_question

VERDICTS = {
    "split@a": "chosen",
    "split@b": "1 ms slower",
    "upload@jpeg-75": "9 ms slower",
    "local": "rule no-local",
}


def run(name: str, *routes: str, strategy: str = REMOTE) -> LinkRun:
    one = visual_question()
    outcomes = [
        Outcome(one, strategy, "red", route=route, milliseconds=4, verdicts=VERDICTS) for route in routes
    ]
    return LinkRun(name, "", outcomes)


def found(*runs: LinkRun) -> list[Phase]:
    return phases(Record("nano", 93.0, {}, runs), REMOTE)


def test_equal_decisions_are_one_phase_over_links() -> None:
    (phase,) = found(run("good", "split@a", "split@a"), run("slow", "split@a"))
    assert (phase.way, phase.right, phase.when) == ("split@a", 3, "good to slow")


def test_a_change_begins_a_phase_and_says_what_became_of_the_way_before() -> None:
    first, second = found(run("good", "split@b", "split@b", "split@a"))
    assert (first.when, second.when) == ("good, questions 1 to 2", "good, question 3")
    assert second.why == "split@b: 1 ms slower"


def test_a_phase_may_begin_and_end_within_links() -> None:
    _, second, _ = found(run("good", "split@b", "split@a"), run("slow", "split@a", "split@b"))
    assert second.when == "good, question 2, to slow, question 1"


def test_the_first_phase_says_how_far_other_kinds_were_behind_but_not_what_was_ruled_out() -> None:
    (phase,) = found(run("good", "split@a"))
    assert phase.why == "upload@jpeg-75: 9 ms slower"


def test_what_failed_is_told_without_its_details() -> None:
    last = phases(record(question="the cloud"), REMOTE)[-1]
    assert (last.way, last.right, last.median_ms) == ("not answered", 0, None)
    assert last.why == "the cloud did not answer; start it"


def test_strategies_that_changed_come_first() -> None:
    steady = run("good", "local", "local", strategy=AUTO)
    changed = run("good", "split@b", "split@a")
    both = replace(steady, outcomes=[*steady.outcomes, *changed.outcomes])
    assert [of[0].strategy for of in decided(Record("nano", 93.0, {}, [both]))] == [REMOTE, AUTO]
