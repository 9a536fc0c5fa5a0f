"""What is lost against bytes sent: a line for each codec of a cut and each form of picture, with its name."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.codec.captions import NLL
from bench.codec.outcome import Outcome
from bench.codec.rows import Row
from bench.codec.verdict import MAX_NLL, MAX_POINTS
from splitter.planning.svg import Box, LinearAxis, LogAxis, element, free, line, path, text, title
from splitter.planning.units import say_size

_WIDTH, _HEIGHT = 960.0, 600.0
_WHOLE = "whole model"
_LETTER = 7.2  # the width of a letter, about
_FORMS = {"jpeg": "c4", "webp": "c3", "avif": "c1"}
_CUTS = ("c0", "c2", "c5")
_DASHES = ("none", "7 4", "2 4", "10 3 2 3")


@dataclass(frozen=True)
class Scale:
    """What the upright axis shows: a loss by the general measure, which is `sign` times its change, as far as
    `deepest`.
    """

    words: str
    sign: int
    deepest: float
    allowed: float
    digits: int

    def loss(self, row: Row) -> float:
        return self.sign * next(iter(row.figures.values())).change


_POINTS = Scale("points lost, all kinds together", -1, 8.0, MAX_POINTS, 0)
_NATS = Scale("NLL above the whole model's, a token", 1, 0.12, max(MAX_NLL), 2)


@dataclass(frozen=True)
class _Plot:
    outcome: Outcome
    scale: Scale
    x: LogAxis
    y: LinearAxis

    def place(self, row: Row) -> tuple[float, float]:
        return self.x.at(row.bare), self.y.at(self.scale.loss(row))

    def shown(self, row: Row) -> bool:
        return self.scale.loss(row) <= self.scale.deepest

    @property
    def box(self) -> Box:
        return Box(self.x.start, self.y.start, self.x.end, self.y.end)


def chart(outcome: Outcome) -> str:
    """The drawing; ways that lose more than its axis shows lie below it, and a curve is drawn if any of it
    lies on it.
    """
    plot = _plot(outcome)
    curves = [rows for rows in map(list, _curves(outcome.rows)) if any(map(plot.shown, rows))]
    looks = _looks(curves)
    drawn = [_curve(plot, rows, look) for rows, look in zip(curves, looks, strict=True)]
    clip = element(
        "clipPath",
        element("rect", x=plot.x.start, y=plot.y.start, width=_WIDTH, height=plot.y.end - plot.y.start),
        id="plot",
    )
    parts = [clip, _losses(plot), _sizes(plot), *drawn, _names(plot, curves, looks)]
    words = f"What is lost against bytes sent. {' '.join(outcome.sentences)}"
    return element(
        "svg", "".join(parts), viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}", role="img", aria_label=words
    )


def _plot(outcome: Outcome) -> _Plot:
    scale = _NATS if NLL in outcome.whole else _POINTS
    shown = [row for row in outcome.rows if scale.loss(row) <= scale.deepest] or list(outcome.rows)
    highest = min(0.0, *(scale.loss(row) for row in shown))
    x = LogAxis.around([row.bare for row in shown], 70, _WIDTH - 30)
    return _Plot(outcome, scale, x, LinearAxis(highest - scale.deepest / 20, scale.deepest, 40, _HEIGHT - 60))


def _curves(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of each curve by bytes."""
    names = dict.fromkeys(row.curve for row in rows)
    return [sorted((row for row in rows if row.curve == name), key=lambda row: row.bare) for name in names]


def _looks(curves: Sequence[Sequence[Row]]) -> list[tuple[str, str]]:
    """Colour class and dashes: a colour for each cut and form; what shares one differs in its dashes."""
    owners = [rows[0].cut or rows[0].curve.split()[0] for rows in curves]
    cuts = list(dict.fromkeys(rows[0].cut for rows in curves if rows[0].cut))
    colours = [_FORMS.get(owner) or _CUTS[cuts.index(owner) % len(_CUTS)] for owner in owners]
    return [
        (colour, _DASHES[owners[:number].count(owners[number]) % len(_DASHES)])
        for number, colour in enumerate(colours)
    ]


def _curve(plot: _Plot, rows: Sequence[Row], look: tuple[str, str]) -> str:
    colour, dash = look
    stroke = path(
        map(plot.place, rows), class_=f"curve {colour}", stroke_dasharray=dash, clip_path="url(#plot)"
    )
    return stroke + "".join(_mark(plot, row, colour) for row in rows if plot.shown(row))


def _mark(plot: _Plot, row: Row, colour: str) -> str:
    """A disc for features, a square for a picture; filled where it passes the first bar."""
    x, y = plot.place(row)
    kind = f"mark {colour} {'front' if plot.outcome.bars[0].passed(row) else 'beaten'}"
    shape = (
        element("circle", cx=x, cy=y, r=5, class_=kind)
        if row.cut
        else element("rect", x=x - 4, y=y - 4, width=8, height=8, class_=kind)
    )
    measured = ", ".join(f"{name} {figure.value:.4g}" for name, figure in row.figures.items())
    return element("g", title(f"{row.name}: {row.bare:,.0f} bytes; {measured}") + shape)


def _losses(plot: _Plot) -> str:
    box, parts = plot.box, [text(plot.scale.words, 8, 20, class_="axis")]
    for tick in plot.y.ticks():
        y = plot.y.at(tick)
        words = text(f"{tick:.{plot.scale.digits}f}", box.left - 8, y + 4, class_="axis", text_anchor="end")
        parts += [line(box.left, y, box.right, y, class_="grid"), words]
    for value in (0.0, plot.scale.allowed):
        parts.append(line(box.left, plot.y.at(value), box.right, plot.y.at(value), class_="here-line"))
    return "".join([*parts, text(_WHOLE, box.left + 4, plot.y.at(0.0) - 5, class_="here")])


def _sizes(plot: _Plot) -> str:
    box = plot.box
    parts = [
        text(
            "bytes sent of a picture",
            (box.left + box.right) / 2,
            box.bottom + 44,
            class_="axis",
            text_anchor="middle",
        )
    ]
    for tick in plot.x.ticks():
        x = plot.x.at(tick)
        words = text(say_size(tick), x, box.bottom + 20, class_="axis", text_anchor="middle")
        parts += [line(x, box.top, x, box.bottom, class_="grid"), words]
    return "".join(parts)


def _names(plot: _Plot, curves: Sequence[Sequence[Row]], looks: Sequence[tuple[str, str]]) -> str:
    """The name of each curve beside the cheapest of its marks, where it covers no mark and no other name."""
    taken = [Box.around(*plot.place(row), 10, 10) for rows in curves for row in rows if plot.shown(row)]
    taken.append(Box(plot.x.start, plot.y.at(0.0) - 18, plot.x.start + _LETTER * len(_WHOLE), plot.y.at(0.0)))
    parts = []
    for rows, (colour, _) in zip(curves, looks, strict=True):
        x, y = plot.place(next(row for row in rows if plot.shown(row)))
        box = free(x, y, _LETTER * len(rows[0].curve), taken, plot.box)
        taken.append(box)
        anchor, side, inset = ("start", box.left, 3) if box.left > x else ("end", box.right, -3)
        parts.append(line(x, y, side, box.middle, class_=f"leader {colour}"))
        parts.append(text(rows[0].curve, side + inset, box.middle + 4, class_="name", text_anchor=anchor))
    return "".join(parts)
