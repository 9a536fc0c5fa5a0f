"""Who wins: the cheapest upload and the cheapest features that pass the same bar, and how many times smaller
they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.codec.evaluation.captions import NLL, SAME
from bench.codec.evaluation.evaluation_set import ALL
from bench.codec.report.results import CodecResult
from protos.measurements import FIDELITY
from splitter.evaluate.intervals import interval

MAX_POINTS = 1.0
MAX_NLL = (0.01, 0.03, 0.05)
MAX_FIDELITY_LOST = (1.0, 3.0, 5.0)
MIN_SAME = (50.0, 25.0)
ANY_CUT = "any cut"
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Bar:
    """A quality target, and whether a result reaches it."""

    words: str
    passed: Callable[[CodecResult], bool]


@dataclass(frozen=True)
class Winners:
    """The cheapest results that pass a bar, None where nothing does: features of a cut, and an upload.

    Both are compared without a container that could be left out.
    """

    bar: str
    cut: str
    features: CodecResult | None
    upload: CodecResult | None

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """How many times more bytes the upload has, and the 95% interval of that ratio over the pictures."""
        if self.features is None or self.upload is None:
            return None
        return self.upload.bare / self.features.bare, *interval(self.upload.sizes, self.features.sizes)


def bars(metrics: Sequence[str]) -> list[Bar]:
    """The bars for a list of metrics."""
    if FIDELITY in metrics:
        return [Bar(f"fidelity at least {100 - lost:g}%", _faithful(lost)) for lost in MAX_FIDELITY_LOST]
    if NLL not in metrics:
        return [Bar(f"within {MAX_POINTS:g} point of the whole model in every kind", _close)]
    raised = [Bar(f"NLL at most +{limit:g}", _nll_within(limit)) for limit in MAX_NLL]
    return [*raised, *(Bar(f"{share:g}% of the captions unchanged", _unchanged(share)) for share in MIN_SAME)]


def winners(results: Sequence[CodecResult]) -> list[Winners]:
    """For every bar, first of any cut and then of each."""
    cuts = [ANY_CUT, *dict.fromkeys(result.cut for result in results if result.cut)]
    return [_winners(bar, cut, results) for bar in bars(list(results[0].figures)) for cut in cuts]


def _winners(bar: Bar, cut: str, results: Sequence[CodecResult]) -> Winners:
    good = [result for result in results if bar.passed(result)]
    features = [result for result in good if result.cut and cut in (result.cut, ANY_CUT)]
    uploads = [result for result in good if not result.cut]
    return Winners(bar.words, cut, _cheapest(features), _cheapest(uploads))


def _cheapest(results: Sequence[CodecResult]) -> CodecResult | None:
    return min(results, key=lambda result: result.bare, default=None)


def _close(result: CodecResult) -> bool:
    return all(
        figure.change >= -MAX_POINTS - _ROUNDING for kind, figure in result.figures.items() if kind != ALL
    )


def _nll_within(limit: float) -> Callable[[CodecResult], bool]:
    return lambda result: result.figures[NLL].change <= limit + _ROUNDING


def _faithful(lost: float) -> Callable[[CodecResult], bool]:
    return lambda result: result.figures[FIDELITY].change >= -lost - _ROUNDING


def _unchanged(share: float) -> Callable[[CodecResult], bool]:
    return lambda result: result.figures[SAME].value >= share - _ROUNDING


def sentence(won: Winners) -> str:
    """Who wins at a bar, in a sentence."""
    upload = f"{won.upload.name} with {won.upload.bare:,.0f} bytes" if won.upload else "no upload"
    features = f"{won.features.name} with {won.features.bare:,.0f} bytes" if won.features else "no features"
    line = f"{won.bar}: the cheapest upload is {upload}, the cheapest features are {features}"
    if won.ratio is None:
        return line
    times, low, high = won.ratio
    if times >= 1:
        return f"{line}: {times:.3g} times smaller (95%: {low:.3g} to {high:.3g})"
    return f"{line}: {1 / times:.3g} times larger (95%: {1 / high:.3g} to {1 / low:.3g})"
