from protos.pages.document import Page, document, lede, listing, section, sentence, soft
from protos.pages.markup import element, join
from protos.pages.neighbours import navigation
from protos.pages.svg import drawing, mark
from protos.pages.tables import Table, TableRow, folded, scrolling
from tests.pages import HOSTILE, checked


def whole(words: str) -> str:
    table = Table(words, ("name", words, "n"), [[TableRow((words, words, "1"))]], frozenset({words}))
    drawn = drawing("A drawing", words, (10, 10), [mark("disc", 1, 1)])
    body = (table.markup(), folded(words, soft(words)), scrolling(words, drawn), listing({words: words}))
    return document(Page(words, words, [lede(words), section("Heading", [words], *body)]), navigation({}, ""))


def test_every_part_of_a_page_keeps_the_rules() -> None:
    checked(whole("words"))


def test_hostile_words_stay_words_wherever_they_stand() -> None:
    assert HOSTILE in checked(whole(HOSTILE)).text


def test_sections_are_named_by_their_headings() -> None:
    page = checked(document(Page("Plan", "A plan", [section("One", []), section("Two", [])]), join(())))
    assert [part["aria-labelledby"] for part in page.all("section")] == ["one", "two"]


def test_a_sentence_has_a_capital_and_a_full_stop() -> None:
    assert sentence("take it") == "Take it."
    assert sentence("x0.5: half.") == "x0.5: half."


def test_an_element_of_a_table_of_words_is_not_right_aligned() -> None:
    made = Table("c", ("a", "b"), [[TableRow(("1", element("b", "2")))]]).markup()
    assert '<td class="n"><b>2</b></td>' in made
    assert '<th scope="row">1</th>' in made
