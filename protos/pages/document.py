"""A page that needs nothing else: its style is in it, and its policy allows no script and nothing foreign."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from protos.pages.markup import Markup, element, join, slug

MARK = "isthmus-page"  # the name of the meta element by which a page knows its neighbours
STYLE = Markup((Path(__file__).parent / "style.css").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Page:
    """A page of a kind, which is what a link to it says; `parts` stand below the heading."""

    kind: str
    heading: str
    parts: Iterable[str]


def document(page: Page, navigation: Markup, script: str | None = None) -> str:
    """The whole page; `script`: where one that is served has its own, which may speak with its server."""
    scripts = [] if script is None else [element("script", src=script, defer="")]
    parts = [
        element("meta", charset="utf-8"),
        _meta("http-equiv", "Content-Security-Policy", policy(served=script is not None)),
        page_mark(page.kind),
        _meta("name", "viewport", "width=device-width, initial-scale=1"),
        _meta("name", "color-scheme", "light dark"),
        element("title", f"{page.heading} · Isthmus"),
        element("style", STYLE),
        *scripts,
    ]
    main = element("main", element("h1", page.heading), *page.parts)
    body = element("body", element("header", navigation), main)
    html = element("html", element("head", *parts), body, lang="en")
    return f"<!doctype html>\n{html}\n"


def page_mark(kind: str) -> Markup:
    """The element by which a page of a kind is known."""
    return _meta("name", MARK, kind)


def policy(*, served: bool = False) -> str:
    """The content security policy: the page's own style, drawings within it, and nothing else. One that is
    `served` has scripts, pictures and forms of its own server besides.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")
    own = "script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'"
    rest = own if served else "img-src data:; form-action 'none'"
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; {rest}"


def section(heading: str, notes: Iterable[str], *body: str, full: bool = False) -> Markup:
    """A heading with its notes, and what they speak of beside them; below them where it is to have the full
    width, or where there is no room.
    """
    key = slug(heading)
    told = element("div", *(soft(note) for note in notes), class_="notes")
    aside = element("div", element("h2", heading, id=key), told, class_="side")
    return element(
        "section",
        aside,
        element("div", *body, class_="body"),
        aria_labelledby=key,
        class_="full" if full else None,
    )


def lede(*sentences: str) -> Markup:
    """What was found, large: it stands first."""
    return element("p", " ".join(sentences), class_="lede")


def soft(note: str) -> Markup:
    """What a reader may want to know beside it."""
    return element("p", note, class_="soft")


def listing(facts: Mapping[str, str]) -> Markup:
    """Facts, each with its name."""
    pairs = (join((element("dt", name), element("dd", fact))) for name, fact in facts.items())
    return element("dl", *pairs)


def sentence(words: str) -> str:
    """Words with a capital and a full stop; a name that begins with a letter and a digit stays as it is."""
    first = words[:1] if words[1:2].isdigit() else words[:1].upper()
    return f"{first}{words[1:].removesuffix('.')}."


def _meta(key: str, name: str, content: str) -> Markup:
    return element("meta", **{key: name, "content": content})
