"""What every benchmark prints with: consoles and tables without lines."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_PIPED_WIDTH = 170


def wide_console(width: int = _PIPED_WIDTH, *, stderr: bool = False) -> Console:
    """As wide as the terminal; where there is none, as wide as a table wants to be."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=width)


def plain_table(title: str, padding: int = 1) -> Table:
    """A table without lines; `padding` is between its columns."""
    return Table(title=title, title_justify="left", box=None, padding=(0, padding, 0, 0))


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """What the columns of a table mean."""
    for note in notes:
        console.print(escape(note), highlight=False)


def print_sentences(console: Console, sentences: Iterable[str]) -> None:
    """What was found."""
    for sentence in sentences:
        console.print(escape(sentence), style="bold", highlight=False)
