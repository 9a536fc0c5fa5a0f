"""A page as a reader's browser takes it apart, and what must hold of every page of ours."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

HOSTILE = "<script>alert('&\"')</script><img src=x onerror=alert(1)>"
_VOID = {"meta", "img", "br", "wbr", "link", "input", "hr"}
_HEADINGS = {"h1", "h2", "h3", "h4"}


class ParsedPage(HTMLParser):
    """Elements with their attributes, the text, and that all of them close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]

    def values(self, *names: str) -> list[str]:
        """The values of attributes, wherever they stand."""
        return [attributes[name] for _, attributes in self.elements for name in names if name in attributes]


def checked(markup: str, *, served: bool = False) -> ParsedPage:
    """The page, after all is held that must hold of every one; `served`: by a server of its own."""
    page = ParsedPage(markup)
    _check_head(page, markup)
    _check_names(page)
    _check_that_nothing_is_foreign(page, markup, served=served)
    for table in markup.split("<table>")[1:]:
        assert table.startswith("<caption>")
    assert all(head.get("scope") in {"col", "row"} for head in page.all("th"))
    assert all(image["alt"] for image in page.all("img"))
    for drawing in markup.split("<svg")[1:]:
        assert re.match(r"[^>]* role=\"img\"[^>]*>\s*<title[^>]*>[^<]+</title>\s*<desc[^>]*>", drawing)
    return page


def _check_head(page: ParsedPage, markup: str) -> None:
    assert markup.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    (style,) = re.findall(r"<style>(.*?)</style>", markup, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none';")
    assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "width=device-width, initial-scale=1" in [meta.get("content") for meta in page.all("meta")]
    assert len(page.all("title")) == 1 + len(page.all("svg")) + len(page.all("g")) - _bare_groups(markup)


def _bare_groups(markup: str) -> int:
    return len(re.findall(r"<g\b[^>]*>(?!<title)", markup))


def _check_names(page: ParsedPage) -> None:
    """Ids are unique, what refers to one finds it, and headings go down one step at a time."""
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    wanted = {name for value in page.values("aria-labelledby") for name in value.split()}
    assert wanted <= set(ids)
    clips = {value.removeprefix("url(#").removesuffix(")") for value in page.values("clip-path")}
    assert clips <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.elements if tag in _HEADINGS]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def _check_that_nothing_is_foreign(page: ParsedPage, markup: str, *, served: bool) -> None:
    links = page.values("src", "href", "srcset", "action", "data")
    own = (("/",) if served else ()) + ("data:image/png;", "#", "./")
    assert all(link.startswith(own) and not link.startswith("//") for link in links)
    assert all(part.startswith("#") for part in markup.split("url(")[1:])
    assert "@import" not in markup
    assert page.all("script") == ([{"src": "/live.js", "defer": ""}] if served else [])
    assert not page.values("style")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
