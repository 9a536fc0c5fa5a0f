"""What `isthmus bench codec` prints: every way to send, then who wins at which bar."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.codec.bootstrap import DRAWS
from bench.codec.captions import NLL, SAME
from bench.codec.outcome import Outcome
from bench.codec.rows import Row
from bench.codec.verdict import ANY_CUT, Winners
from bench.codec.ways import QUESTION
from bench.head.tables import sentence

PASSED = "*"


def show(outcome: Outcome, console: Console) -> None:
    """Every way, what the columns mean, the winners, and the verdict."""
    console.print(_ways(outcome))
    for note in notes(outcome):
        console.print(escape(note), highlight=False)
    console.print()
    console.print(_winners(outcome.winners))
    for words in outcome.sentences:
        console.print(escape(words), style="bold", highlight=False)


def columns(outcome: Outcome) -> list[str]:
    """The numbers of a row."""
    general, *others = outcome.whole
    measured = [SAME, "95%"] if NLL in outcome.whole else others
    return ["bytes", "bare", "request", general, "change", "95%", *measured, "encode", "decode"]


def cells(outcome: Outcome, row: Row) -> list[str]:
    """The mark, the name and the numbers of one way."""
    taken = outcome.times[row.name]
    sizes = [
        f"{row.payload:,.0f}",
        "" if row.bare == row.payload else f"{row.bare:,.0f}",
        f"{row.request:,.0f}",
    ]
    mark = PASSED if outcome.bars[0].passed(row) else ""
    return [mark, row.name, *sizes, *_measured(row), f"{taken.encode:.2f}", f"{taken.decode:.2f}"]


def whole_cells(outcome: Outcome) -> list[str]:
    """The row of the whole model, which the others are held against; of kinds it has the values, not
    changes.
    """
    general, *others = outcome.whole.values()
    if NLL in outcome.whole:
        return ["", "whole model", "", "", "", f"{general:.3f}", "", "", "", "", "", ""]
    return [
        "",
        "whole model",
        "",
        "",
        "",
        f"{general:.1f}%",
        "",
        "",
        *(f"{value:.1f}%" for value in others),
        "",
        "",
    ]


def notes(outcome: Outcome) -> list[str]:
    """What the columns mean, and where it was measured."""
    counts = ", ".join(f"{count} {name}" for name, count in outcome.counts.items() if count) + _worth(outcome)
    unit = (
        "nats a token of the captions, whose ends are tokens too"
        if NLL in outcome.whole
        else "points; kinds of question: their changes"
    )
    return [
        (
            f"{PASSED} {outcome.bars[0].words}; {outcome.head.upper()} head in place, both halves of the "
            "real "
            "codec"
        ),
        (
            "bytes: payload with its side information; bare: AVIF without its container; request: the whole "
            "message, asking "
            f"{QUESTION!r}"
        ),
        (
            f"change: from the whole model, in {unit}; 95%: bootstrap over pictures, {DRAWS} draws; encode, "
            "decode: ms"
        ),
        (
            "x0.75, x0.5: coded at that part of the model's sides, scaled up by its processor; "
            f"{outcome.data}: "
            f"{counts}"
        ),
        sentence(outcome.setting),
    ]


def _worth(outcome: Outcome) -> str:
    """How much one question counts where a point is asked for: more pictures make it less."""
    asked, kinds = outcome.counts["questions"], len(outcome.whole) - 1  # the first measure is of all kinds
    return f"; one question of a kind is about {100 * kinds / asked:.1f} points" if asked and kinds else ""


def bodies(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows, those of one curve together."""
    for curve in dict.fromkeys(row.curve for row in rows):
        yield [row for row in rows if row.curve == curve]


def winner_cells(won: Winners) -> list[str]:
    """A bar, and who wins at it."""
    sent = [(row.name, f"{row.bare:,.0f}") if row else ("none", "") for row in (won.upload, won.features)]
    ratio = (
        ["", ""]
        if won.ratio is None
        else [f"{won.ratio[0]:.2f}", f"{won.ratio[1]:.2f} to {won.ratio[2]:.2f}"]
    )
    return [won.bar, won.cut, *sent[0], *sent[1], *ratio]


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


def _measured(row: Row) -> list[str]:
    general, *others = row.figures.values()
    if NLL in row.figures:
        same = row.figures[SAME]
        unchanged = [f"{same.value:.0f}%", f"{100 + same.low:.0f} to {100 + same.high:.0f}"]
        return [
            f"{general.value:.3f}",
            f"{general.change:+.3f}",
            f"{general.low:+.3f} to {general.high:+.3f}",
            *unchanged,
        ]
    kinds = [f"{figure.change:+.1f}" for figure in others]
    return [
        f"{general.value:.1f}%",
        f"{general.change:+.1f}",
        f"{general.low:+.1f} to {general.high:+.1f}",
        *kinds,
    ]


def _ways(outcome: Outcome) -> Table:
    table = Table(
        title=f"{outcome.model}: what is sent, and what that loses",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    table.add_column("way", no_wrap=True)
    for name in columns(outcome):
        table.add_column(name, justify="right", overflow="fold")
    table.add_row(*whole_cells(outcome))
    for body in bodies(outcome.rows):
        table.add_row()
        for row in body:
            table.add_row(*map(escape, cells(outcome, row)))
    return table


def _winners(won: Sequence[Winners]) -> Table:
    table = Table(title="who wins at which bar", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in WINNER_COLUMNS:
        table.add_column(
            name, justify="right" if name in {"bytes", "ratio", "95%"} else "left", no_wrap=name != "bar"
        )
    for one in won:
        if one.cut == ANY_CUT and one is not won[0]:
            table.add_row()
        table.add_row(*map(escape, winner_cells(one)))
    return table
