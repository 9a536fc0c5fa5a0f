"""Who wins: the cheapest upload and the cheapest features that pass the same bar, and how many times smaller
they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.codec.bootstrap import interval
from bench.codec.captions import NLL, SAME
from bench.codec.exam import ALL
from bench.codec.rows import Row

MAX_POINTS = 1.0
MAX_NLL = (0.01, 0.03, 0.05)
MIN_SAME = (50.0, 25.0)
ANY_CUT = "any cut"
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Bar:
    """What a way to send must hold to pass."""

    words: str
    passed: Callable[[Row], bool]


@dataclass(frozen=True)
class Winners:
    """The cheapest that pass a bar, None where nothing does: features of a cut, and an upload, less its
    container if that could go.
    """

    bar: str
    cut: str
    features: Row | None
    upload: Row | None

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """How many times more bytes the upload has, and the 95% interval of that over the pictures."""
        if self.features is None or self.upload is None:
            return None
        return self.upload.bare / self.features.bare, *interval(self.upload.sizes, self.features.sizes)


def bars(measures: Sequence[str]) -> list[Bar]:
    """What is asked for, by what an exam measures."""
    if NLL not in measures:
        return [Bar(f"within {MAX_POINTS:g} point of the whole model in every kind", _close)]
    raised = [Bar(f"NLL at most +{most:g}", _raised_at_most(most)) for most in MAX_NLL]
    return [*raised, *(Bar(f"{least:g}% of the captions unchanged", _unchanged(least)) for least in MIN_SAME)]


def winners(rows: Sequence[Row]) -> list[Winners]:
    """For every bar, first of any cut and then of each."""
    cuts = [ANY_CUT, *dict.fromkeys(row.cut for row in rows if row.cut)]
    return [_winners(bar, cut, rows) for bar in bars(list(rows[0].figures)) for cut in cuts]


def _winners(bar: Bar, cut: str, rows: Sequence[Row]) -> Winners:
    good = [row for row in rows if bar.passed(row)]
    features = [row for row in good if row.cut and cut in (row.cut, ANY_CUT)]
    return Winners(bar.words, cut, _cheapest(features), _cheapest([row for row in good if not row.cut]))


def _cheapest(rows: Sequence[Row]) -> Row | None:
    return min(rows, key=lambda row: row.bare, default=None)


def _close(row: Row) -> bool:
    return all(
        figure.change >= -MAX_POINTS - _ROUNDING for kind, figure in row.figures.items() if kind != ALL
    )


def _raised_at_most(most: float) -> Callable[[Row], bool]:
    return lambda row: row.figures[NLL].change <= most + _ROUNDING


def _unchanged(least: float) -> Callable[[Row], bool]:
    return lambda row: row.figures[SAME].value >= least - _ROUNDING


def sentence(won: Winners) -> str:
    """Who wins at a bar, in a sentence."""
    upload = f"{won.upload.name} with {won.upload.bare:,.0f} bytes" if won.upload else "no upload"
    features = f"{won.features.name} with {won.features.bare:,.0f} bytes" if won.features else "no features"
    said = f"{won.bar}: the cheapest upload is {upload}, the cheapest features are {features}"
    if won.ratio is None:
        return said
    times, low, high = won.ratio
    if times >= 1:
        return f"{said}: {times:.3g} times smaller (95%: {low:.3g} to {high:.3g})"
    return f"{said}: {1 / times:.3g} times larger (95%: {1 / high:.3g} to {1 / low:.3g})"
