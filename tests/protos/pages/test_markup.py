import pytest

from protos.pages.markup import Markup, breakable, element, join, slug
from tests.pages import HOSTILE, ParsedPage


def test_text_is_escaped_and_markup_is_not() -> None:
    assert element("p", "a < b", element("b", "c")) == "<p>a &lt; b<b>c</b></p>"
    assert join(("<", Markup("<br>"))) == "&lt;<br>"


def test_markup_that_was_put_into_a_string_is_text_again() -> None:
    assert element("p", f"{element('b', 'x')}") == "<p>&lt;b&gt;x&lt;/b&gt;</p>"


def test_attributes_are_called_what_html_calls_them() -> None:
    made = element("path", class_="a", stroke_width=1.0, viewBox="0", hidden=None)
    assert made == '<path class="a" stroke-width="1.0" viewBox="0"></path>'


@pytest.mark.parametrize(
    "make", [lambda words: element("p", words), lambda words: element("p", title=words), breakable]
)
def test_hostile_words_stay_words(make: type[str]) -> None:
    page = ParsedPage(make(HOSTILE))
    assert {tag for tag, _ in page.elements} <= {"p", "span", "wbr"}
    assert not page.values("onerror", "src")


def test_a_name_breaks_after_its_parts() -> None:
    assert (
        breakable("split@vision.4/fitted-2") == '<span class="way">split@<wbr>vision.4/<wbr>fitted-2</span>'
    )


def test_an_id_is_made_of_words() -> None:
    assert slug("What each way, would cost!") == "what-each-way-would-cost"
