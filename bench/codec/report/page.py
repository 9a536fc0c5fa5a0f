"""The report as one self-contained page: the verdict, the chart, who wins at which bar, and the table."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from bench.codec.report.chart import chart
from bench.codec.report.report import CodecReport
from bench.codec.report.tables import WINNER_COLUMNS, bodies, cells, columns, notes, whole_cells, winner_cells
from splitter.planning.document import document, save_document, wide


def page(report: CodecReport) -> str:
    """The page's HTML; all text is escaped."""
    parts = [
        f'<p class="soft">{escape(report.data)}, bundle {escape(report.bundle[:12])}</p>',
        *(f'<p class="advice c0">{escape(sentence)}</p>' for sentence in report.sentences),
        "<h2>Lost against bytes</h2>",
        (
            '<p class="soft">● features of a cut, ■ the picture (AVIF without its container). Filled: '
            f"{escape(report.bars[0].words)}.</p>"
        ),
        wide(chart(report)),
        "<h2>Who wins at which bar</h2>",
        _table(WINNER_COLUMNS, [[winner_cells(won) for won in report.winners]]),
        "<h2>Every way to send</h2>",
        _table(
            ("", "way", *columns(report)),
            [
                [whole_cells(report)],
                *([cells(report, result) for result in body] for body in bodies(report.results)),
            ],
        ),
        *(f'<p class="soft">{escape(note)}</p>' for note in notes(report)),
    ]
    return document(f"{report.model}: features against pictures", parts)


def save(path: Path, report: CodecReport) -> None:
    """Write the page; a reader sees the old file or the new one. Raises RequestError where it cannot be
    written.
    """
    save_document(path, page(report))


def _table(names: Sequence[str], groups: Iterable[Iterable[Sequence[str]]]) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = (
        "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in group)
        for group in groups
    )
    bodies = "".join(f"<tbody>{group}</tbody>" for group in rows)
    return wide(f"<table><thead><tr>{heads}</tr></thead>{bodies}</table>")
