"""All that `isthmus bench codec` says of a bundle, as one value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from bench.codec import times
from bench.codec.exam import Exam
from bench.codec.keep import Keep
from bench.codec.rows import Examination, Row
from bench.codec.times import Times
from bench.codec.uploads import every_upload
from bench.codec.verdict import ANY_CUT, Bar, Winners, bars, sentence, winners
from bench.rig.machine import Setting, setting
from protos.bundle import Bundle

LEFT_OUT = "fitted pictures left out"


@dataclass(frozen=True)
class Outcome:
    """The rows in order, each with its times by name; what the whole model reaches; where it was measured."""

    model: str
    bundle: str
    head: str  # its form
    data: str
    counts: Mapping[str, int]
    whole: Mapping[str, float]
    rows: Sequence[Row]
    times: Mapping[str, Times]
    setting: Setting

    @cached_property
    def bars(self) -> list[Bar]:
        """What is asked for; the first one is marked in the table."""
        return bars(list(self.whole))

    @cached_property
    def winners(self) -> list[Winners]:
        return winners(self.rows)

    @property
    def sentences(self) -> list[str]:
        """Who wins at every bar, of all cuts."""
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
                asdict(row) | {"times": asdict(self.times[row.name]), "passed": self.passed(row)}
                for row in self.rows
            ],
            "winners": [_won(won) for won in self.winners],
            "sentences": self.sentences,
        }

    def passed(self, row: Row) -> list[str]:
        """The bars that a row passes."""
        return [bar.words for bar in self.bars if bar.passed(row)]


def examine(bundle: Bundle, exam: Exam, keep: Keep, advance: Callable[[str], None]) -> Outcome:
    """Measure every way to send the pictures of an exam; `advance` is told of each step. Raises BundleError
    or CheckpointError.
    """
    examination = Examination(bundle, exam, keep, advance)
    rows = examination.rows()
    taken = times.measure(bundle, exam, lambda: advance("times"))
    asked = 0 if bundle.manifest.HasField("matching") else len(exam.questions)  # a dual encoder is asked none
    counts = {
        "pictures": len(exam.pictures),
        "questions": asked,
        "captions": len(exam.captions),
        LEFT_OUT: exam.left_out,
    }
    where = setting(1, times.TURNS)
    model, head = bundle.manifest.model, bundle.manifest.precision.precision
    return Outcome(model, bundle.digest, head, exam.name, counts, examination.whole(), rows, taken, where)


def steps(bundle: Bundle) -> int:
    """How often `examine` tells of a step."""
    return 1 + sum(len(cut.codecs) for cut in bundle.manifest.cuts) + len(every_upload()) + times.STEPS


def _won(won: Winners) -> dict[str, Any]:
    features, upload = (row and {"name": row.name, "bytes": row.bare} for row in (won.features, won.upload))
    ratio = won.ratio and dict(zip(("ratio", "low", "high"), won.ratio, strict=True))
    return {"bar": won.bar, "cut": won.cut, "features": features, "upload": upload, **(ratio or {})}
