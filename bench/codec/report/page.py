"""The report as one self-contained page: the verdict, the charts, who wins at which bar, and the table."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.codec.report.chart import panels
from bench.codec.report.curves import quality_axis
from bench.codec.report.report import CodecReport
from bench.codec.report.results import CodecResult
from bench.codec.report.tables import WINNER_COLUMNS, bodies, cells, columns, notes, whole_cells, winner_cells
from bench.codec.report.verdict import ANY_CUT
from protos.pages import neighbours
from protos.pages.document import Page, lede, section, sentence, soft
from protos.pages.markup import breakable, element, join
from protos.pages.tables import Table, TableRow, folded, foremost

COMMAND, KIND = "bench codec", "Codecs"
_WINNER_WORDS = frozenset({"features of", "cheapest upload", "cheapest features"})
_RATIO = (
    "The cheapest picture and the cheapest features that pass. Ratio: how many times smaller the features "
    "are, with its 95% interval over the pictures; below 1 they are larger."
)
_PANELS = (
    "A panel for each cut, all with the same axes: left is cheaper, up is better. The pictures' curves are "
    "the same in each."
)
_MARKS = (
    "● and ▼ are features. ■ JPEG, ▲ WebP and ◆ AVIF are the picture itself, each at the best of its sizes; "
    "AVIF is without its container."
)


def page(report: CodecReport) -> Page:
    """What the page says; all text is escaped where it becomes markup."""
    first, *others = report.sentences
    parts = [
        lede(sentence(first)),
        *(soft(sentence(other)) for other in others),
        section("Quality against bytes", _about(report), _panels(report), full=True),
        section("Who wins at which bar", [_RATIO], *_winners(report)),
        section("Every way to send", [sentence(note) for note in notes(report)], *_tables(report), full=True),
    ]
    head = soft(f"{report.data}, bundle {report.bundle[:12]}")
    return Page(KIND, f"{report.model}: features against pictures", [head, *parts])


def check(path: Path) -> None:
    """Raises RequestError now for a place that no such page can be written to later."""
    neighbours.check(path, KIND, COMMAND)


def save(path: Path, report: CodecReport) -> None:
    """Write the page, linked with those beside it. Raises RequestError where it cannot be written."""
    neighbours.save(path, page(report), COMMAND)


def _about(report: CodecReport) -> list[str]:
    lines = f"Dotted: the whole model, and {quality_axis(report).loss} lost."
    return [_PANELS, _MARKS, f"Filled: {report.bars[0].words}. Bands and whiskers: 95% intervals. {lines}"]


def _panels(report: CodecReport) -> str:
    figures = (
        element("figure", element("figcaption", f"After {cut}"), drawn)
        for cut, drawn in panels(report).items()
    )
    return element("div", *figures, class_="panels")


def _winners(report: CodecReport) -> Iterator[str]:
    """A table for each bar."""
    for bar in dict.fromkeys(won.bar for won in report.winners):
        rows = [TableRow(winner_cells(won)[1:]) for won in report.winners if won.bar == bar]
        yield Table(sentence(bar), WINNER_COLUMNS[1:], [rows], _WINNER_WORDS).markup()


def foremost_results(report: CodecReport) -> list[CodecResult]:
    """The rows that matter: what wins at a bar, then what wins of each cut, and the cheapest of each picture
    format that passes the first bar, or else its best.
    """
    ranked = sorted(report.winners, key=lambda won: won.cut != ANY_CUT)
    pairs = [(won.features, won.upload) for won in ranked]
    first = [result for result in pairs[0] if result]
    others = [result for pair in pairs[1:] for result in pair if result]
    names = foremost(result.name for result in (*first, *_rivals(report), *others))
    return [result for result in report.results if result.name in names]


def _rivals(report: CodecReport) -> list[CodecResult]:
    uploads = [result for result in report.results if not result.cut]
    formats = [[r for r in uploads if r.curve == curve] for curve in dict.fromkeys(r.curve for r in uploads)]
    passed = report.bars[0].passed
    return [
        min((r for r in group if passed(r)), key=lambda r: r.bare, default=group[0])
        for group in formats
        if " " not in group[0].curve
    ]


def _tables(report: CodecReport) -> list[str]:
    shown = foremost_results(report)
    groups = list(bodies(report.results))
    whole = _table(report, "Every way to send, those of one curve together", groups)
    if len(shown) == len(report.results):
        return [whole]
    caption = "What wins at a bar, and the cheapest of each picture format that passes the first one"
    return [_table(report, caption, [shown]), folded(f"All {len(report.results)} ways", whole)]


def _table(report: CodecReport, caption: str, groups: Sequence[Sequence[CodecResult]]) -> str:
    rows = [[_row(cells(report, result)) for result in group] for group in groups]
    return Table(caption, ("way", *columns(report)), [[_row(whole_cells(report))], *rows]).markup()


def _row(row: Sequence[str]) -> TableRow:
    passed, name, *numbers = row
    tag = element("span", "passes" if passed else "", class_="tag")
    return TableRow((join((breakable(name), " ", tag)), *numbers))
