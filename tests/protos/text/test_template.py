"""Places are filled, braces that mean themselves stay, and nothing that is filled in is read again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protos.errors import PromptError
from protos.text.template import fill, literal

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_places_are_filled() -> None:
    assert fill("USER: {picture} {question}", {"picture": "<p>", "question": "why?"}) == "USER: <p> why?"


def test_a_brace_that_is_meant_is_written_twice() -> None:
    assert fill('{{"{question}"}}', {"question": "why?"}) == '{"why?"}'


@given(st.text(alphabet="{}question:date% a"))
def test_a_literal_text_gives_itself(text: str) -> None:
    assert fill(literal(text), {}, NOW) == text


def test_what_is_filled_in_is_not_read_again() -> None:
    assert fill("{question}|{picture}", {"question": "{picture}", "picture": "{{"}) == "{picture}|{{"


def test_the_date_is_that_of_the_day() -> None:
    assert fill("{date:%d %b %Y}, {date:%H}h", {}, NOW) == "01 Mar 2026, 09h"


@pytest.mark.parametrize("template", ["{colour}", "{date}", "{date:%d}"])
def test_a_place_that_nothing_fills_is_refused(template: str) -> None:
    with pytest.raises(PromptError, match="that nothing fills; split the model again"):
        fill(template, {"question": "why?"})
