"""An outcome as one page that needs nothing else: the verdict, the picture, who wins at which bar, and the
table.
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from bench.codec.chart import chart
from bench.codec.outcome import Outcome
from bench.codec.tables import WINNER_COLUMNS, bodies, cells, columns, notes, whole_cells, winner_cells
from splitter.planning.document import document, save_document, wide


def page(outcome: Outcome) -> str:
    """The page's HTML; all text is escaped."""
    parts = [
        f'<p class="soft">{escape(outcome.data)}, bundle {escape(outcome.bundle[:12])}</p>',
        *(f'<p class="advice c0">{escape(sentence)}</p>' for sentence in outcome.sentences),
        "<h2>Lost against bytes</h2>",
        (
            '<p class="soft">● features of a cut, ■ the picture (AVIF without its container). Filled: '
            f"{escape(outcome.bars[0].words)}.</p>"
        ),
        wide(chart(outcome)),
        "<h2>Who wins at which bar</h2>",
        _table(WINNER_COLUMNS, [[winner_cells(won) for won in outcome.winners]]),
        "<h2>Every way to send</h2>",
        _table(
            ("", "way", *columns(outcome)),
            [
                [whole_cells(outcome)],
                *([cells(outcome, row) for row in body] for body in bodies(outcome.rows)),
            ],
        ),
        *(f'<p class="soft">{escape(note)}</p>' for note in notes(outcome)),
    ]
    return document(f"{outcome.model}: features against pictures", parts)


def save(path: Path, outcome: Outcome) -> None:
    """Write the page; a reader sees the old file or the new one. Raises RequestError where it cannot be
    written.
    """
    save_document(path, page(outcome))


def _table(names: Sequence[str], groups: Iterable[Iterable[Sequence[str]]]) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = (
        "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in group)
        for group in groups
    )
    bodies = "".join(f"<tbody>{group}</tbody>" for group in rows)
    return wide(f"<table><thead><tr>{heads}</tr></thead>{bodies}</table>")
