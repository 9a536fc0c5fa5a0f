"""All that `isthmus bench codec` says of a bundle, as one value."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from bench.codec.report.results import CodecResult, CodingTimes
from bench.codec.report.verdict import ANY_CUT, Bar, Winners, bars, sentence, winners
from bench.rig.machine import Setting

LEFT_OUT = "fitted pictures left out"


@dataclass(frozen=True)
class CodecReport:
    """The results in order; the times by name; the metrics of the whole model; where it was measured."""

    model: str
    bundle: str
    head: str  # its form
    data: str
    counts: Mapping[str, int]
    whole: Mapping[str, float]
    results: Sequence[CodecResult]
    times: Mapping[str, CodingTimes]
    setting: Setting

    @cached_property
    def bars(self) -> list[Bar]:
        """The bars; the table marks what passes the first one."""
        return bars(list(self.whole))

    @cached_property
    def winners(self) -> list[Winners]:
        return winners(self.results)

    @property
    def sentences(self) -> list[str]:
        """Who wins at every bar, whatever the cut."""
        return [sentence(won) for won in self.winners if won.cut == ANY_CUT]

    def record(self) -> dict[str, Any]:
        """Plain values for JSON: bytes, percent, points, nats a token, milliseconds; every interval is a
        central 95%.
        """
        return {
            "model": self.model,
            "bundle": self.bundle,
            "head": self.head,
            "data": self.data,
            **self.counts,
            "setting": asdict(self.setting),
            "whole": self.whole,
            "rows": [
                asdict(one) | {"times": asdict(self.times[one.name]), "passed": self.passed(one)}
                for one in self.results
            ],
            "winners": [_record(won) for won in self.winners],
            "sentences": self.sentences,
        }

    def passed(self, result: CodecResult) -> list[str]:
        """The bars that a result passes."""
        return [bar.words for bar in self.bars if bar.passed(result)]


def _record(won: Winners) -> dict[str, Any]:
    features, upload = (one and {"name": one.name, "bytes": one.bare} for one in (won.features, won.upload))
    ratio = won.ratio and dict(zip(("ratio", "low", "high"), won.ratio, strict=True))
    return {"bar": won.bar, "cut": won.cut, "features": features, "upload": upload, **(ratio or {})}
