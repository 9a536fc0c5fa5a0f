import pytest

from bench.rig.outcomes import Outcome
from deploy.demo.record import Summary, nearest_rank, story
from tests.deploy.demo.records import record, visual_question


def test_figures_are_of_answered_requests_and_failures_are_counted_apart() -> None:
    one = visual_question()
    outcomes = [
        Outcome(one, "split", "red", bytes_up=100, milliseconds=10),
        Outcome(one, "split", "blue", bytes_up=300, milliseconds=30),
        Outcome(one, "split", failure="lost", milliseconds=9000),
    ]
    assert Summary.of("split", outcomes) == Summary("split", 3, 2, 1, 200, 20, 30)


@pytest.mark.parametrize(("part", "value"), [(0.05, 1), (0.5, 10), (0.95, 19), (1.0, 20)])
def test_a_percentile_is_a_value_that_was_measured(part: float, value: float) -> None:
    assert nearest_rank(list(range(1, 21)), part) == value


def test_the_story_of_a_killed_cloud_names_what_was_lost() -> None:
    assert story(record().links[1]) == (
        "The cloud was killed half way. The orchestrator answered 1 of 1, 1 right, half of them in 5 ms: 1 "
        "by local. On a device that cannot answer alone it answered 0 of 1, 0 right: none. "
        "Not answered: upload 1, auto-remote 1."
    )
