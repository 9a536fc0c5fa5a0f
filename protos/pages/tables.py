"""Tables that say what they are, scroll where they are wide, and show the rows that matter first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from protos.pages.markup import Markup, element

SHOWN = 6  # rows that a table of many has before the rest is asked for
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class TableRow:
    """Cells, the first of which names the row; `kind` is a style class."""

    cells: Sequence[str]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """Columns and groups of rows. Columns in `words` hold words, the others numbers."""

    caption: str
    columns: Sequence[str]
    groups: Sequence[Sequence[TableRow]]
    words: frozenset[str] = frozenset()

    def markup(self) -> Markup:
        """The table in a box that scrolls where the table is wider."""
        left = [not index or name in self.words for index, name in enumerate(self.columns)]
        kinds = ["w" if words else "n" for words in left]
        heads = (
            element("th", name, scope="col", class_=kind)
            for name, kind in zip(self.columns, kinds, strict=True)
        )
        bodies = (element("tbody", *(_row(row, kinds) for row in rows)) for rows in self.groups if rows)
        head = element("thead", element("tr", *heads))
        caption = element("caption", element("span", self.caption))
        return scrolling(self.caption, element("table", caption, head, *bodies))


def scrolling(name: str, *inside: str) -> Markup:
    """A box that scrolls sideways by touch, wheel or keys, with a shadow where more is hidden."""
    return element("div", *inside, class_="scroll", role="group", tabindex="0", aria_label=name)


def folded(summary: str, *inside: str) -> Markup:
    """What is shown when it is asked for."""
    return element("details", element("summary", summary), *inside)


def foremost(keys: Iterable[_Key], count: int = SHOWN) -> list[_Key]:
    """The first few of keys, each once, the most important first."""
    return list(dict.fromkeys(keys))[:count]


def _row(row: TableRow, kinds: Sequence[str]) -> Markup:
    name, *cells = row.cells
    given = (element("td", cell, class_=kind) for cell, kind in zip(cells, kinds[1:], strict=True))
    return element("tr", element("th", name, scope="row"), *given, class_=row.kind or None)
