"""Loss against bytes sent: a labelled curve for each codec of a cut and each upload format."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.codec.evaluation.captions import NLL
from bench.codec.report.report import CodecReport
from bench.codec.report.results import CodecResult
from bench.codec.report.verdict import MAX_NLL, MAX_POINTS
from protos.terminal.units import format_size
from splitter.planning.svg import Box, LinearAxis, LogAxis, element, free, line, path, text, title

_WIDTH, _HEIGHT = 960.0, 600.0
_WHOLE = "whole model"
_LETTER = 7.2  # the width of a letter, about
_FORMATS = {"jpeg": "c4", "webp": "c3", "avif": "c1"}
_CUTS = ("c0", "c2", "c5")
_DASHES = ("none", "7 4", "2 4", "10 3 2 3")


@dataclass(frozen=True)
class AxisScale:
    """The vertical axis: loss by the general metric, which is `sign` times its change, up to `max_loss`."""

    words: str
    sign: int
    max_loss: float
    allowed: float
    digits: int

    def loss(self, result: CodecResult) -> float:
        return self.sign * next(iter(result.figures.values())).change


_POINTS = AxisScale("points lost, all kinds together", -1, 8.0, MAX_POINTS, 0)
_NATS = AxisScale("NLL above the whole model's, a token", 1, 0.12, max(MAX_NLL), 2)


@dataclass(frozen=True)
class _Plot:
    report: CodecReport
    scale: AxisScale
    x: LogAxis
    y: LinearAxis

    def place(self, result: CodecResult) -> tuple[float, float]:
        return self.x.at(result.bare), self.y.at(self.scale.loss(result))

    def shown(self, result: CodecResult) -> bool:
        return self.scale.loss(result) <= self.scale.max_loss

    @property
    def box(self) -> Box:
        return Box(self.x.start, self.y.start, self.x.end, self.y.end)


def chart(report: CodecReport) -> str:
    """The drawing. Results that lose more than `max_loss` are left out, and so is a curve of them alone."""
    plot = _plot(report)
    curves = [results for results in map(list, _curves(report.results)) if any(map(plot.shown, results))]
    styles = _styles(curves)
    drawn = [_curve(plot, results, style) for results, style in zip(curves, styles, strict=True)]
    clip = element(
        "clipPath",
        element("rect", x=plot.x.start, y=plot.y.start, width=_WIDTH, height=plot.y.end - plot.y.start),
        id="plot",
    )
    parts = [clip, _losses(plot), _sizes(plot), *drawn, _names(plot, curves, styles)]
    words = f"What is lost against bytes sent. {' '.join(report.sentences)}"
    return element(
        "svg", "".join(parts), viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}", role="img", aria_label=words
    )


def _plot(report: CodecReport) -> _Plot:
    scale = _NATS if NLL in report.whole else _POINTS
    shown = [result for result in report.results if scale.loss(result) <= scale.max_loss] or list(
        report.results
    )
    highest = min(0.0, *(scale.loss(result) for result in shown))
    x = LogAxis.around([result.bare for result in shown], 70, _WIDTH - 30)
    return _Plot(
        report, scale, x, LinearAxis(highest - scale.max_loss / 20, scale.max_loss, 40, _HEIGHT - 60)
    )


def _curves(results: Sequence[CodecResult]) -> list[list[CodecResult]]:
    """The results of each curve, ordered by bytes."""
    names = dict.fromkeys(result.curve for result in results)
    return [
        sorted((result for result in results if result.curve == name), key=lambda result: result.bare)
        for name in names
    ]


def _styles(curves: Sequence[Sequence[CodecResult]]) -> list[tuple[str, str]]:
    """Colour class and dashes of each curve: one colour a cut or format; within it, dashes differ."""
    owners = [results[0].cut or results[0].curve.split()[0] for results in curves]
    cuts = list(dict.fromkeys(results[0].cut for results in curves if results[0].cut))
    colours = [_FORMATS.get(owner) or _CUTS[cuts.index(owner) % len(_CUTS)] for owner in owners]
    return [
        (colour, _DASHES[owners[:number].count(owners[number]) % len(_DASHES)])
        for number, colour in enumerate(colours)
    ]


def _curve(plot: _Plot, results: Sequence[CodecResult], style: tuple[str, str]) -> str:
    colour, dash = style
    stroke = path(
        map(plot.place, results), class_=f"curve {colour}", stroke_dasharray=dash, clip_path="url(#plot)"
    )
    return stroke + "".join(_mark(plot, result, colour) for result in results if plot.shown(result))


def _mark(plot: _Plot, result: CodecResult, colour: str) -> str:
    """A disc for features, a square for an upload; filled if it passes the first bar."""
    x, y = plot.place(result)
    kind = f"mark {colour} {'front' if plot.report.bars[0].passed(result) else 'beaten'}"
    shape = (
        element("circle", cx=x, cy=y, r=5, class_=kind)
        if result.cut
        else element("rect", x=x - 4, y=y - 4, width=8, height=8, class_=kind)
    )
    measured = ", ".join(f"{name} {figure.value:.4g}" for name, figure in result.figures.items())
    return element("g", title(f"{result.name}: {result.bare:,.0f} bytes; {measured}") + shape)


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
        words = text(format_size(tick), x, box.bottom + 20, class_="axis", text_anchor="middle")
        parts += [line(x, box.top, x, box.bottom, class_="grid"), words]
    return "".join(parts)


def _names(plot: _Plot, curves: Sequence[Sequence[CodecResult]], styles: Sequence[tuple[str, str]]) -> str:
    """The label of each curve beside the cheapest of its marks, where it covers neither mark nor label."""
    taken = [
        Box.around(*plot.place(result), 10, 10)
        for results in curves
        for result in results
        if plot.shown(result)
    ]
    taken.append(Box(plot.x.start, plot.y.at(0.0) - 18, plot.x.start + _LETTER * len(_WHOLE), plot.y.at(0.0)))
    parts = []
    for results, (colour, _) in zip(curves, styles, strict=True):
        x, y = plot.place(next(result for result in results if plot.shown(result)))
        box = free(x, y, _LETTER * len(results[0].curve), taken, plot.box)
        taken.append(box)
        anchor, side, inset = ("start", box.left, 3) if box.left > x else ("end", box.right, -3)
        parts.append(line(x, y, side, box.middle, class_=f"leader {colour}"))
        parts.append(text(results[0].curve, side + inset, box.middle + 4, class_="name", text_anchor=anchor))
    return "".join(parts)
