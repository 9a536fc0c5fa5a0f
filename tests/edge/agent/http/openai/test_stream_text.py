"""Words that were told cannot be taken back."""

import pytest

from edge.agent.http.openai.stream_text import StreamText


def told(text: StreamText, *pieces: str) -> str:
    return "".join(map(text.add, pieces))


def test_words_are_told_as_they_come() -> None:
    text = StreamText()
    assert [text.add("a red"), text.add(" circle")] == ["a red", " circle"]
    assert text.end("a red circle") == ""


@pytest.mark.parametrize("pieces", [("a red circle",), ("a", " red circ", "le"), ("a red", " circle")])
def test_an_answer_that_begins_anew_goes_on_where_it_repeats_what_was_told(pieces: tuple[str, ...]) -> None:
    text = StreamText()
    assert told(text, "a red") == "a red"
    text.restart()
    assert told(text, *pieces) == " circle"
    assert text.end("a red circle") == ""


@pytest.mark.parametrize("other", ["a blue circle", "a re", ""])
def test_other_words_are_not_told_after_the_first(other: str) -> None:
    text = StreamText()
    told(text, "a red")
    text.restart()
    assert told(text, *other) == ""
    assert text.end(other) is None


def test_before_the_first_word_a_restart_is_none() -> None:
    text = StreamText()
    text.restart()
    assert told(text, "two") == "two"


def test_a_second_restart_counts_from_the_first_word_too() -> None:
    text = StreamText()
    told(text, "a red")
    text.restart()
    told(text, "a r")
    text.restart()
    assert told(text, "a red", " hat") == " hat"


def test_held_words_are_told_once_they_are_final() -> None:
    text = StreamText(hold=True)
    assert told(text, "a red") == ""
    text.restart()
    assert told(text, "two") == ""
    assert text.end("two") == "two"
