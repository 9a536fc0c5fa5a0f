"""The curves of a chart: one a way to send, which is a codec of a cut or a picture format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.codec.evaluation.captions import NLL
from bench.codec.evaluation.metrics import Figure
from bench.codec.report.report import CodecReport
from bench.codec.report.results import CodecResult
from bench.codec.report.verdict import MAX_NLL, MAX_POINTS


@dataclass(frozen=True)
class QualityAxis:
    """The vertical axis: how much better the general metric is than the whole model's; below 0 it is worse.

    `sign` makes that of a change of the metric; what is worse by more than `range` is not shown.
    """

    words: str
    sign: int
    range: float
    allowed: float
    unit: str
    format: str

    @property
    def loss(self) -> str:
        """The loss that is allowed, in words."""
        return f"{self.allowed:g} {self.unit}"

    def quality(self, result: CodecResult) -> float:
        return self.sign * _general(result).change

    def interval(self, result: CodecResult) -> tuple[float, float]:
        """The worse end and the better end of the 95% interval."""
        low, high = sorted(self.sign * end for end in (_general(result).low, _general(result).high))
        return low, high

    def shown(self, result: CodecResult) -> bool:
        return self.quality(result) >= -self.range

    def written(self, quality: float) -> str:
        """A tick, as the metric has it."""
        change = self.sign * quality
        return format(change, self.format).replace("-", "\u2212") if abs(change) > 1e-9 else "0"


_POINTS = QualityAxis("points against the whole model", 1, 8.0, MAX_POINTS, "point", "+.0f")
_NATS = QualityAxis("NLL a token, against the whole model", -1, 0.12, max(MAX_NLL), "nats", "+.2f")


@dataclass(frozen=True)
class Curve:
    """One way to send, its results ordered by bytes. `cut` is empty for a picture format."""

    name: str
    cut: str
    results: Sequence[CodecResult]


def quality_axis(report: CodecReport) -> QualityAxis:
    """Nats a token where captions were measured, points of right answers elsewhere."""
    return _NATS if NLL in report.whole else _POINTS


def codec_curves(report: CodecReport, cut: str) -> list[Curve]:
    """A curve for each codec of a cut."""
    results = [result for result in report.results if result.cut == cut]
    names = dict.fromkeys(result.curve for result in results)
    return [
        Curve(name.removeprefix(f"{cut} "), cut, _by_bytes(r for r in results if r.curve == name))
        for name in names
    ]


def codec_names(report: CodecReport) -> list[str]:
    """The codecs of all cuts, those of several levels first."""
    cuts = dict.fromkeys(result.cut for result in report.results if result.cut)
    curves = [curve for cut in cuts for curve in codec_curves(report, cut)]
    return list(dict.fromkeys(c.name for c in sorted(curves, key=lambda curve: len(curve.results) == 1)))


def rival_curves(report: CodecReport) -> list[Curve]:
    """A curve for each picture format, at the best of its scales for so many bytes; what wins at a bar is on
    it.
    """
    uploads = [result for result in report.results if not result.cut]
    won = {winners.upload.name for winners in report.winners if winners.upload}
    formats = dict.fromkeys(_format(result) for result in uploads)
    axis = quality_axis(report)
    return [
        Curve(name, "", list(_front(axis, _by_bytes(r for r in uploads if _format(r) == name), won)))
        for name in formats
    ]


def _front(axis: QualityAxis, results: Sequence[CodecResult], won: set[str]) -> Iterator[CodecResult]:
    """Those that are better than everything cheaper, and those that won."""
    best = float("-inf")
    for result in results:
        if axis.quality(result) > best or result.name in won:
            yield result
        best = max(best, axis.quality(result))


def _by_bytes(results: Iterator[CodecResult]) -> list[CodecResult]:
    return sorted(results, key=lambda result: result.bare)


def _format(result: CodecResult) -> str:
    return result.curve.split()[0]


def _general(result: CodecResult) -> Figure:
    return next(iter(result.figures.values()))
