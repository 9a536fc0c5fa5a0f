"""What `isthmus bench codec` prints: every candidate, then who wins at which bar."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.codec.candidates.candidate import QUESTION
from bench.codec.evaluation.captions import NLL, SAME
from bench.codec.evaluation.evaluation_set import ALL
from bench.codec.report.report import CodecReport
from bench.codec.report.results import CodecResult
from bench.codec.report.verdict import ANY_CUT, Winners
from bench.rig.console import plain_table, print_notes, print_sentences
from bench.rig.machine import describe
from splitter.evaluate.intervals import DRAWS

PASSED = "*"
WINNER_COLUMNS = (
    "bar",
    "features of",
    "cheapest upload",
    "bytes",
    "cheapest features",
    "bytes",
    "ratio",
    "95%",
)
_NUMBERS = {"bytes", "ratio", "95%"}


def show(report: CodecReport, console: Console) -> None:
    """Every candidate, what the columns mean, the winners, and the verdict."""
    console.print(_candidates(report))
    print_notes(console, notes(report))
    console.print()
    console.print(_winners(report.winners))
    print_sentences(console, report.sentences)


def columns(report: CodecReport) -> list[str]:
    """The columns after the name."""
    general, *others = report.whole
    measured = [SAME, "95%"] if NLL in report.whole else others
    return ["bytes", "bare", "request", general, "change", "95%", *measured, "encode", "decode"]


def cells(report: CodecReport, result: CodecResult) -> list[str]:
    """The mark, the name and the numbers of one candidate."""
    times = report.times[result.name]
    sizes = [
        f"{result.payload:,.0f}",
        "" if result.bare == result.payload else f"{result.bare:,.0f}",
        f"{result.request:,.0f}",
    ]
    mark = PASSED if report.bars[0].passed(result) else ""
    return [mark, result.name, *sizes, *_metrics(result), f"{times.encode:.2f}", f"{times.decode:.2f}"]


def whole_cells(report: CodecReport) -> list[str]:
    """The row of the whole model, which the others are compared with; of kinds it has the values, not
    changes.
    """
    general, *others = report.whole.values()
    if NLL in report.whole:
        return ["", "whole model", "", "", "", f"{general:.3f}", "", "", "", "", "", ""]
    kinds = [f"{value:.1f}%" for value in others]
    return ["", "whole model", "", "", "", f"{general:.1f}%", "", "", *kinds, "", ""]


def notes(report: CodecReport) -> list[str]:
    """What the columns mean, and where it was measured."""
    counts = ", ".join(f"{count} {name}" for name, count in report.counts.items() if count)
    unit = (
        "nats a token of the captions, whose ends are tokens too"
        if NLL in report.whole
        else "points; kinds of question: their changes"
    )
    return [
        (
            f"{PASSED} {report.bars[0].words}; {report.head.upper()} head in place, both halves of the "
            "real codec"
        ),
        (
            "bytes: payload with its side information; bare: AVIF without its container; request: the whole "
            f"message, asking {QUESTION!r}"
        ),
        (
            f"change: from the whole model, in {unit}; 95%: bootstrap over pictures, {DRAWS} draws; encode, "
            "decode: ms"
        ),
        (
            "x0.75, x0.5: coded at that part of the model's sides, scaled up by its processor; "
            f"{report.data}: {counts}{_resolution(report)}"
        ),
        describe(report.setting),
    ]


def _resolution(report: CodecReport) -> str:
    """How many points one question counts; more pictures make it less."""
    if ALL not in report.whole:
        return ""
    asked, kinds = report.counts["questions"], len(report.whole) - 1
    return f"; one question of a kind is about {100 * kinds / asked:.1f} points" if asked and kinds else ""


def bodies(results: Sequence[CodecResult]) -> Iterator[list[CodecResult]]:
    """The results, those of one curve together."""
    for curve in dict.fromkeys(result.curve for result in results):
        yield [result for result in results if result.curve == curve]


def winner_cells(won: Winners) -> list[str]:
    """A bar, and who wins at it."""
    sent = [(one.name, f"{one.bare:,.0f}") if one else ("none", "") for one in (won.upload, won.features)]
    ratio = (
        ["", ""]
        if won.ratio is None
        else [f"{won.ratio[0]:.2f}", f"{won.ratio[1]:.2f} to {won.ratio[2]:.2f}"]
    )
    return [won.bar, won.cut, *sent[0], *sent[1], *ratio]


def _metrics(result: CodecResult) -> list[str]:
    general, *others = result.figures.values()
    if NLL in result.figures:
        same = result.figures[SAME]
        return [
            f"{general.value:.3f}",
            f"{general.change:+.3f}",
            f"{general.low:+.3f} to {general.high:+.3f}",
            f"{same.value:.0f}%",
            f"{100 + same.low:.0f} to {100 + same.high:.0f}",
        ]
    return [
        f"{general.value:.1f}%",
        f"{general.change:+.1f}",
        f"{general.low:+.1f} to {general.high:+.1f}",
        *(f"{figure.change:+.1f}" for figure in others),
    ]


def _candidates(report: CodecReport) -> Table:
    table = plain_table(f"{report.model}: what is sent, and what that loses")
    table.add_column("", no_wrap=True)
    table.add_column("way", no_wrap=True)
    for name in columns(report):
        table.add_column(name, justify="right", overflow="fold")
    table.add_row(*whole_cells(report))
    for body in bodies(report.results):
        table.add_row()
        for result in body:
            table.add_row(*map(escape, cells(report, result)))
    return table


def _winners(won: Sequence[Winners]) -> Table:
    table = plain_table("who wins at which bar")
    for name in WINNER_COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name != "bar")
    for one in won:
        if one.cut == ANY_CUT and one is not won[0]:
            table.add_row()
        table.add_row(*map(escape, winner_cells(one)))
    return table
