"""Which answers a rule takes for its own."""

from typing import Any

import pytest

from edge.agent.events.rules.conditions import MAX_CHARACTERS, Observed, condition, number_in
from protos.errors import RequestError
from tests.edge.agent.events.sightings import rule


@pytest.mark.parametrize(
    ("given", "yes", "no"),
    [
        ({"equals": "yes"}, ["yes", " Yes.", "YES!", "\uff39es"], ["yes it is", "no", ""]),
        ({"equals": ["fire", "smoke"]}, ["Smoke", "fire."], ["fire and smoke"]),
        ({"contains": "hard hat"}, ["a man with a Hard-Hat on"], ["a hat that is hard"]),
        ({"contains": ["cat", "dog"]}, ["two Dogs"], ["a bird"]),
        ({"matches": r"\b(red|blue) (car|van)\b"}, ["A Red van, parked"], ["a red carpet"]),
        (
            {"above": 3},
            ["4", "there are 12 people", "seven", "1,200 boxes"],
            ["3", "three", "no idea", "v4x"],
        ),
        ({"below": 1}, ["0", "none", "zero people", "-2"], ["1", "one", ""]),
        ({"above": 1, "below": 4}, ["two"], ["1", "four"]),
    ],
)
def test_an_answer_is_or_is_not_it(given: dict[str, Any], yes: list[str], no: list[str]) -> None:
    holds = condition(rule(**given))
    assert [holds(Observed(text)) for text in yes] == [True] * len(yes)
    assert [holds(Observed(text)) for text in no] == [False] * len(no)


def test_a_label_has_to_be_probable_enough() -> None:
    holds = condition(rule(equals="person", probability="80%"))
    assert holds(Observed("person", 0.8))
    assert not holds(Observed("person", 0.79))
    assert not holds(Observed("cat", 0.99))
    assert not holds(Observed("person")), "a generative model gives none"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "give a condition"),
        ({"changed": True, "equals": "x"}, "changed = true alone"),
        ({"equals": "..."}, "nothing but punctuation"),
        ({"matches": "(a"}, "missing )"),
        ({"matches": "a(?=b)"}, "look-around"),
        ({"equals": "x", "sinks": ["plant"]}, "there is no sink 'plant'"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words.replace("(", r"\(").replace(")", r"\)")):
        rule(**given)


def test_an_expression_that_takes_others_for_ever_comes_to_an_end() -> None:
    holds = condition(rule(matches="(a+)+$"))
    assert not holds(Observed("a" * (MAX_CHARACTERS - 1) + "!"))


def test_a_number_is_the_first_of_an_answer() -> None:
    assert number_in("between 2 and 5") == 2
    assert number_in("-3.5 degrees") == -3.5
    assert number_in("there is one, or 2") == 2, "digits come before words"
    assert number_in("v4, a4 paper") is None
