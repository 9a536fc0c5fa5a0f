"""Quality against bytes sent: a panel for each cut, with a curve for each codec and each picture format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.codec.report.curves import (
    Curve,
    QualityAxis,
    codec_curves,
    codec_names,
    quality_axis,
    rival_curves,
)
from bench.codec.report.report import CodecReport
from bench.codec.report.results import CodecResult
from bench.codec.report.verdict import sentence
from protos.pages.axes import LinearAxis, LogAxis
from protos.pages.frame import ChartFrame
from protos.pages.labels import Box, free
from protos.pages.markup import Markup, element, join
from protos.pages.svg import area, drawing, group, line, mark, path, text
from protos.terminal.units import format_size

_WIDTH, _HEIGHT = 480.0, 430.0
_RIVALS = {
    "jpeg": ("c3", "square", "8 4"),
    "webp": ("c5", "triangle", "2 3"),
    "avif": ("c4", "diamond", "10 3 2 3"),
}
_CODECS = (("c0", "disc", "none"), ("c1", "kite", "none"), ("c2", "disc", "5 3"), ("c1", "disc", "1 3"))
_OTHER = ("other", "square", "4 4")
_NAMES = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF"}


@dataclass(frozen=True)
class _Style:
    colour: str
    shape: str
    dash: str


@dataclass(frozen=True)
class _Plot:
    report: CodecReport
    axis: QualityAxis
    frame: ChartFrame
    clip: str

    def place(self, result: CodecResult) -> tuple[float, float]:
        return self.frame.x.at(result.bare), self.frame.y.at(self.axis.quality(result))


def panels(report: CodecReport) -> dict[str, Markup]:
    """A drawing for each cut by its name, all with the same axes, so that they may be compared."""
    cuts = dict.fromkeys(result.cut for result in report.results if result.cut)
    return {cut: _panel(report, cut) for cut in cuts}


def _panel(report: CodecReport, cut: str) -> Markup:
    plot = _plot(report, cut)
    codecs = codec_names(report)
    curves = [(curve, _style(curve, codecs)) for curve in (*rival_curves(report), *codec_curves(report, cut))]
    shown = [(curve, style) for curve, style in curves if any(map(plot.axis.shown, curve.results))]
    box = plot.frame.box
    size = {"width": box.right - box.left, "height": box.bottom - box.top}
    clip = element("clipPath", element("rect", x=box.left, y=box.top, **size), id=plot.clip)
    parts = [
        clip,
        plot.frame.rows(plot.frame.y.ticks(7), plot.axis.written, f"{plot.axis.words} (↑ better)"),
        plot.frame.columns(plot.frame.x.ticks(), format_size, "bytes sent of a picture"),
        _limits(plot),
        *(_spread(plot, curve, style) for curve, style in shown),
        *(_curve(plot, curve, style) for curve, style in shown),
        _names(plot, shown),
    ]
    told = " ".join(f"{sentence(won)}." for won in report.winners if won.cut == cut)
    return drawing(f"Quality against bytes after {cut}", told, (_WIDTH, _HEIGHT), parts, wide=False)


def _plot(report: CodecReport, cut: str) -> _Plot:
    axis = quality_axis(report)
    shown = [result for result in report.results if axis.shown(result)] or list(report.results)
    best = max(0.0, *(axis.quality(result) for result in shown))
    x = LogAxis.around([result.bare for result in shown], 52, _WIDTH - 26)
    y = LinearAxis(-axis.range, best + axis.range / 8, _HEIGHT - 60, 40)
    return _Plot(report, axis, ChartFrame(x, y, letter=8.2), f"plot-{cut.replace('.', '-')}")


def _style(curve: Curve, codecs: Sequence[str]) -> _Style:
    """The colour, mark and dashes of a curve: those of a codec are the same at every cut."""
    if not curve.cut:
        return _Style(*_RIVALS.get(curve.name, _OTHER))
    return _Style(*_CODECS[codecs.index(curve.name) % len(_CODECS)])


def _limits(plot: _Plot) -> Markup:
    """What the whole model has, and what may be lost."""
    box, heights = plot.frame.box, map(plot.frame.y.at, (0.0, -plot.axis.allowed))
    return join(line(box.left, y, box.right, y, class_="limit") for y in heights)


def _spread(plot: _Plot, curve: Curve, style: _Style) -> Markup:
    """The 95% intervals: a band around a curve of features, whiskers for a format and for a single result."""
    x, y = plot.frame.x, plot.frame.y
    ends = [(x.at(r.bare), *map(y.at, plot.axis.interval(r))) for r in curve.results]
    clip = f"url(#{plot.clip})"
    if curve.cut and len(ends) > 1:
        outline = [(at, high) for at, _, high in ends] + [(at, low) for at, low, _ in reversed(ends)]
        return area(outline, class_=f"band {style.colour}", clip_path=clip)
    kind = f"whisker {style.colour}"
    return join(line(at, low, at, high, class_=kind, clip_path=clip) for at, low, high in ends)


def _curve(plot: _Plot, curve: Curve, style: _Style) -> Markup:
    kind = f"curve {style.colour}{'' if curve.cut else ' rival'}"
    clip = f"url(#{plot.clip})"
    stroke = path(map(plot.place, curve.results), class_=kind, stroke_dasharray=style.dash, clip_path=clip)
    shown = filter(plot.axis.shown, curve.results)
    return join([stroke, *(_mark(plot, result, style) for result in shown)])


def _mark(plot: _Plot, result: CodecResult, style: _Style) -> Markup:
    """Filled if it passes the first bar."""
    kind = f"mark {style.colour}{'' if plot.report.bars[0].passed(result) else ' hollow'}"
    figures = ", ".join(f"{name} {figure.value:.4g}" for name, figure in result.figures.items())
    told = f"{result.name}: {result.bare:,.0f} bytes; {figures}"
    return group(mark(style.shape, *plot.place(result), r=4.5, class_=kind), told=told)


def _names(plot: _Plot, curves: Sequence[tuple[Curve, _Style]]) -> Markup:
    """The name of each curve beside one of its marks, where it covers neither mark nor name."""
    frame = plot.frame
    taken = [Box.around(*plot.place(result), 10, 10) for result in _shown(plot, curves)]
    parts = []
    for curve, style in reversed(curves):
        words = _NAMES.get(curve.name, curve.name)
        x, y = plot.place(next(result for result in curve.results if plot.axis.shown(result)))
        box = free(x, y, frame.letter * len(words) + 6, taken, frame.box)
        taken.append(box)
        side, anchor, inset = (box.left, "start", 3) if box.left > x else (box.right, "end", -3)
        parts.append(line(x, y, side, box.middle, class_=f"leader {style.colour}"))
        parts.append(text(words, side + inset, box.middle + 5, class_="name", text_anchor=anchor))
    return join(parts)


def _shown(plot: _Plot, curves: Sequence[tuple[Curve, _Style]]) -> Iterable[CodecResult]:
    return (result for curve, _ in curves for result in curve.results if plot.axis.shown(result))
