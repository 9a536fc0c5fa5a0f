"""All that `isthmus bench video` says of a bundle, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.codec.evaluation.metrics import Figure
from bench.codec.report.verdict import MAX_POINTS
from bench.video.candidates import AVC, GROUPS, REFERENCES
from bench.video.clips import RATE
from bench.video.wire import WireResult

_ROUNDING = 1e-9


@dataclass(frozen=True)
class VideoResult:
    """One candidate on one kind of clip: bytes a second, those of each clip, and right answers in percent."""

    kind: str
    name: str
    group: str
    curve: str
    rate: float
    rates: Sequence[float]
    right: Figure

    @property
    def passed(self) -> bool:
        """Whether it is within a point of the frames as they are."""
        return self.right.change >= -MAX_POINTS - _ROUNDING


@dataclass(frozen=True)
class VideoReport:
    """The results in order, and right answers in percent about the frames as they are, by kind of clip."""

    model: str
    bundle: str
    clips: int
    seconds: int
    questions: Mapping[str, int]
    whole: Mapping[str, float]
    results: Sequence[VideoResult]
    overhead: int  # bytes that a request message adds to each frame
    wire: Sequence[WireResult] = ()  # what frames take on the TCP connection, by each way to carry them

    def winners(self, kind: str) -> dict[str, VideoResult]:
        """The cheapest of each group within a point, as far as there is one."""
        good = [one for one in self.results if one.kind == kind and one.passed]
        best = {
            group: min((one for one in good if one.group == group), key=lambda one: one.rate, default=None)
            for group in GROUPS
        }
        return {group: one for group, one in best.items() if one}

    @property
    def sentences(self) -> list[str]:
        """The rates of each kind at equal accuracy."""
        return [_sentence(kind, self.winners(kind)) for kind in self.whole]

    def record(self) -> dict[str, Any]:
        """Plain values for JSON: bytes a second, percent, points with a central 95% interval."""
        names = ("model", "bundle", "clips", "seconds", "questions", "whole", "overhead")
        return {
            **{name: getattr(self, name) for name in names},
            "frames a second": RATE,
            "rows": [asdict(one) | {"passed": one.passed} for one in self.results],
            "winners": {
                kind: {group: one.name for group, one in self.winners(kind).items()} for kind in self.whole
            },
            "wire": [asdict(one) | {"beside": one.beside} for one in self.wire],
            "sentences": self.sentences,
        }


def _sentence(kind: str, won: Mapping[str, VideoResult]) -> str:
    rates = "; ".join(
        f"{group} {won[group].rate:,.0f} ({won[group].name})" if group in won else f"{group} none"
        for group in GROUPS
    )
    line = f"{kind}, bytes a second within {MAX_POINTS:g} point: {rates}"
    if REFERENCES not in won:
        return line
    ratios = [
        f"{won[group].rate / won[REFERENCES].rate:.3g} times less than {group}"
        for group in (AVC, *GROUPS)
        if group in won
    ]
    return f"{line}: {', '.join(dict.fromkeys(ratio for ratio in ratios if not ratio.endswith(REFERENCES)))}"
