"""All that `isthmus bench video` says of a bundle, as one value."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.codec.bootstrap import interval
from bench.codec.exam import ALL, Exam
from bench.codec.halves import Cloud, Device
from bench.codec.marks import Figure, Measure
from bench.codec.questions import Questions
from bench.codec.verdict import MAX_POINTS
from bench.video.clips import KINDS, RATE, Clip, clips
from bench.video.ways import FILM, GROUPS, REFERENCES, Shots, Way, overhead
from protos.bundle import Bundle

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Row:
    """One way to send one kind of clip: bytes a second, those of each clip, and right answers in percent."""

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
class Outcome:
    """The rows in order, and right answers in percent about the frames as they are, by kind of clip."""

    model: str
    bundle: str
    clips: int
    seconds: int
    questions: Mapping[str, int]
    whole: Mapping[str, float]
    rows: Sequence[Row]
    overhead: int  # bytes that a request adds to each frame

    def winners(self, kind: str) -> dict[str, Row]:
        """The cheapest of each group within a point, as far as there is one."""
        good = [row for row in self.rows if row.kind == kind and row.passed]
        best = {
            group: min((row for row in good if row.group == group), key=lambda row: row.rate, default=None)
            for group in GROUPS
        }
        return {group: row for group, row in best.items() if row}

    @property
    def sentences(self) -> list[str]:
        """Who sends how little of each kind at equal accuracy."""
        return [_sentence(kind, self.winners(kind)) for kind in self.whole]

    def record(self) -> dict[str, Any]:
        """Plain values for JSON: bytes a second, percent, points with a central 95% interval."""
        rows = [asdict(row) | {"passed": row.passed} for row in self.rows]
        winners = {
            kind: {group: row.name for group, row in self.winners(kind).items()} for kind in self.whole
        }
        said = {
            name: getattr(self, name)
            for name in ("model", "bundle", "clips", "seconds", "questions", "whole", "overhead")
        }
        return {
            **said,
            "frames a second": RATE,
            "rows": rows,
            "winners": winners,
            "sentences": self.sentences,
        }


def examine(
    bundle: Bundle,
    cloud: Cloud,
    ways: Sequence[Way],
    number: int,
    seconds: int,
    advance: Callable[[str], None],
) -> Outcome:
    """Measure ways on so many clips of each kind. `advance` is told of each. Raises BundleError or
    CheckpointError.
    """
    counts, whole, rows = dict[str, int](), dict[str, float](), list[Row]()
    for kind in KINDS:
        made = clips(kind, number, seconds)
        reel = _Reel(cloud, made)
        counts[kind], whole[kind] = len(reel.exam.questions), reel.value(reel.reference)
        shots = reel.shots(Device(bundle, [frame for clip in made for frame in clip.frames]))
        for way in ways:
            advance(f"{kind}: {way.name}")
            rows.append(reel.row(kind, way, shots))
    return Outcome(
        bundle.manifest.model, bundle.digest, number, seconds, counts, whole, rows, overhead(bundle)
    )


class _Reel:
    """Clips of one kind, one after another, and how answers about them are marked."""

    def __init__(self, cloud: Cloud, made: Sequence[Clip]) -> None:
        self._spans = list(_spans([len(clip.frames) for clip in made]))
        self._asked = list(_spans([len(clip.asked) for clip in made]))
        self._indices = [
            span.start + index for span, clip in zip(self._spans, made, strict=True) for index in clip.asked
        ]
        pictures = [clip.frames[index] for clip in made for index in clip.asked]
        placed = [
            (span.start + clip.asked.index(index), question)
            for span, clip in zip(self._asked, made, strict=True)
            for index, question in clip.questions
        ]
        self.exam = Exam("clips", pictures, placed)
        self._judge = Questions(cloud.whole, self.exam)
        seen = cloud.see(pictures)
        said = self._judge.answer(seen)
        self._said, self.reference = said, self._judge.marks(seen, said, said)[ALL]

    @property
    def _measure(self) -> Measure:
        return self._judge.measures[0]

    def shots(self, device: Device) -> Shots:
        return Shots(device, self._spans, self._indices)

    def value(self, parts: Sequence[float]) -> float:
        return self._measure.value(parts)

    def row(self, kind: str, way: Way, shots: Shots) -> Row:
        sizes, seen = way.send(shots)
        parts = self._judge.marks(seen, self._judge.answer(seen), self._said)[ALL]
        rates = [RATE * statistics.mean(sizes[span.start : span.stop]) for span in self._spans]
        return Row(kind, way.name, way.group, way.curve, statistics.mean(rates), rates, self._figure(parts))

    def _figure(self, parts: Sequence[float]) -> Figure:
        """The frames of a clip are alike: the interval is over clips."""
        changes = [part - other for part, other in zip(parts, self.reference, strict=True)]
        drawn = interval(
            [100 * change for change in self._by_clip(changes)], self._by_clip(self._measure.weights)
        )
        return Figure(self.value(parts), self.value(parts) - self.value(self.reference), *drawn)

    def _by_clip(self, values: Sequence[float]) -> list[float]:
        return [sum(values[span.start : span.stop]) for span in self._asked]


def _spans(lengths: Sequence[int]) -> Iterator[range]:
    start = 0
    for length in lengths:
        yield range(start, start + length)
        start += length


def _sentence(kind: str, won: Mapping[str, Row]) -> str:
    said = "; ".join(
        f"{group} {won[group].rate:,.0f} ({won[group].name})" if group in won else f"{group} none"
        for group in GROUPS
    )
    line = f"{kind}, bytes a second within {MAX_POINTS:g} point: {said}"
    if REFERENCES not in won:
        return line
    ratios = [
        f"{won[group].rate / won[REFERENCES].rate:.3g} times less than {group}"
        for group in (FILM, *GROUPS)
        if group in won
    ]
    return f"{line}: {', '.join(dict.fromkeys(ratio for ratio in ratios if not ratio.endswith(REFERENCES)))}"
