"""Pages that lie in one folder, and the links between them."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from html import unescape
from pathlib import Path
from urllib.parse import quote

from protos.files import check_file, write_file, write_whole
from protos.pages.document import MARK, Page, document, page_mark
from protos.pages.markup import Markup, element

_START = 2048  # characters in which a page says what it is
_KIND = re.compile(rf'<meta name="{MARK}" content="([^"]*)">')
_NAVIGATION = re.compile(r"<nav .*?</nav>", re.DOTALL)


def check(path: Path, kind: str, command: str) -> None:
    """Raises RequestError now, before anything is measured, for a place that the command can write no page of
    this kind to: what is there is none of its pages.
    """
    check_file(path, command, page_mark(kind))


def save(path: Path, page: Page, command: str) -> None:
    """Write a page, linked with the pages beside it; a reader sees the old file or the new one. Raises
    RequestError where it cannot be written, or would take the place of what is no page of its kind.
    """
    beside = neighbours(path.parent) | {path.name: page.kind}
    write_file(path, document(page, navigation(beside, path.name)), command, page_mark(page.kind))
    for name in beside.keys() - {path.name}:
        _link(path.parent / name, beside)


def neighbours(folder: Path) -> dict[str, str]:
    """The pages of a folder: file name and kind of each."""
    kinds = {path.name: _kind(path) for path in sorted(folder.glob("*.html"))}
    return {name: kind for name, kind in kinds.items() if kind}


def navigation(pages: Mapping[str, str], own: str) -> Markup:
    """Links to the pages of a folder from one of them; hidden where there is no other."""
    links = (_link_to(name, pages, own) for name in sorted(pages, key=lambda name: (pages[name], name)))
    return element("nav", *links, aria_label="Pages beside this one", hidden=None if len(pages) > 1 else "")


def _link_to(name: str, pages: Mapping[str, str], own: str) -> Markup:
    """Named by the page's kind, and by its file too where there are several of a kind."""
    several = list(pages.values()).count(pages[name]) > 1
    current = "page" if name == own else None
    words = f"{pages[name]} ({name})" if several else pages[name]
    return element("a", words, href=f"./{quote(os.fsencode(name))}", aria_current=current)


def _kind(path: Path) -> str:
    """What a file says that it is; empty for what is no page of ours."""
    try:
        if not path.is_file():
            return ""
        with path.open(encoding="utf-8") as file:
            found = _KIND.search(file.read(_START))
    except (OSError, UnicodeDecodeError):
        return ""
    return unescape(found[1]) if found else ""


def _link(path: Path, pages: Mapping[str, str]) -> None:
    """Give a page that lies there already the links to its neighbours, if it may be written."""
    with suppress(OSError, UnicodeDecodeError):
        before = path.read_text(encoding="utf-8")
        after = _NAVIGATION.sub(lambda _: navigation(pages, path.name), before, count=1)
        if after != before:
            write_whole(path, after)
