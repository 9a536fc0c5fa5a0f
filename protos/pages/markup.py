"""HTML and SVG that is escaped unless it says that it is markup."""

import re
from collections.abc import Iterable
from html import escape

_VOID = {"br", "img", "input", "meta", "wbr"}


class Markup(str):
    """Text that is markup already. Every other string is escaped where an element takes it in."""

    __slots__ = ()


def element(name: str, /, *inside: str, **attributes: object) -> Markup:
    """An element around text and markup; `class_` and `stroke_width` become what HTML and SVG call them.
    Attributes that are None are left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{join(inside)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Text and markup, one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def breakable(name: str) -> Markup:
    """A name such as `split@vision.4/fitted-2`, which a line may break after @ and / on a narrow screen."""
    return element("span", Markup(escape(name).replace("@", "@<wbr>").replace("/", "/<wbr>")), class_="way")


def slug(words: str) -> str:
    """An id made of a heading."""
    return re.sub(r"\W+", "-", words.lower()).strip("-")


def _plain(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
