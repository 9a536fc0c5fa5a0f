from deploy.demo.page import page
from deploy.demo.record import Record
from protos.pages.document import document
from protos.pages.markup import join
from tests.deploy.demo.records import record
from tests.pages import HOSTILE, checked


def markup(of: Record) -> str:
    return document(page(of), join(()))


def test_the_page_keeps_the_rules_of_every_page() -> None:
    checked(markup(record()))


def test_hostile_text_stays_text() -> None:
    assert HOSTILE in checked(markup(record(question=HOSTILE, answer=HOSTILE, route=HOSTILE))).text


def test_the_gain_stands_first() -> None:
    text = markup(record())
    assert text.index("answered in 40 ms with 300 bytes a question") < text.index("<section")


def test_charts_say_in_words_what_they_draw() -> None:
    assert "upload: 1 of 1 right, 60 ms, 2.1 kB" in checked(markup(record())).text


def test_a_strategy_without_an_answer_is_shown_as_such() -> None:
    assert "upload: 0 of 1 right, no answer" in checked(markup(record())).text


def test_a_picture_that_was_answered_rightly_everywhere_is_folded() -> None:
    assert "<img" not in markup(record()).partition("The other 1: right")[0]
    assert "<img" in markup(record(answer="blue")).partition('class="gallery told"')[2].partition("</ul>")[0]
