from html.parser import HTMLParser

from deploy.demo.page import render
from tests.deploy.demo.records import record

HOSTILE = "<script>alert('&\"')</script><img src=x onerror=alert(1)>"


VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that elements close in order, and keeps what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_element_of_the_page_closes_in_order() -> None:
    assert Page(render(record())).open == []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = render(record())
    links = [
        value for name, value in Page(html).attributes if name in {"src", "href", "srcset", "action", "data"}
    ]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert all(part.startswith(("#", "'#", '"#', "data:")) for part in html.split("url(")[1:])
    assert "@import" not in html
    assert "script" not in Page(html).tags


def test_hostile_text_stays_text() -> None:
    page = Page(render(record(question=HOSTILE, answer=HOSTILE, route=HOSTILE)))
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert HOSTILE in page.text


def test_charts_say_in_words_what_they_draw() -> None:
    assert "upload: 60 ms" in Page(render(record())).text


def test_a_strategy_without_an_answer_is_shown_as_failed() -> None:
    text = Page(render(record())).text
    assert "upload: no answer" in text
    assert "1 failed" in text
