"""Every candidate on clips of each kind: bytes a second, and right answers."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from bench.codec.candidates.cloud_half import CloudHalf
from bench.codec.candidates.device_half import DeviceHalf
from bench.codec.evaluation.evaluation_set import ALL, EvaluationSet
from bench.codec.evaluation.metrics import Figure
from bench.codec.evaluation.questions import QuestionEvaluator
from bench.video.candidates import REFERENCES, ClipBatch, FeatureStream, VideoCandidate, overhead
from bench.video.clips import KINDS, RATE, Clip, clips
from bench.video.report import VideoReport, VideoResult
from bench.video.wire import WireResult, measure_wire
from protos.bundle import Bundle
from splitter.evaluate.intervals import interval
from splitter.evaluate.subjects import Image


def measure(
    bundle: Bundle,
    cloud: CloudHalf,
    candidates: Sequence[VideoCandidate],
    number: int,
    seconds: int,
    advance: Callable[[str], None],
) -> VideoReport:
    """Measure candidates on so many clips of each kind. `advance` is told of each. Raises BundleError or
    CheckpointError.
    """
    counts, whole, results = dict[str, int](), dict[str, float](), list[VideoResult]()
    firsts = dict[str, Sequence[Image]]()
    for kind in KINDS:
        drawn = clips(kind, number, seconds)
        firsts[kind] = drawn[0].frames
        evaluation = _ClipEvaluation(cloud, drawn)
        counts[kind], whole[kind] = evaluation.questions, evaluation.whole
        batch = evaluation.batch(DeviceHalf(bundle, [frame for clip in drawn for frame in clip.frames]))
        for candidate in candidates:
            advance(f"{kind}: {candidate.name}")
            results.append(evaluation.result(kind, candidate, batch))
    report = VideoReport(
        bundle.manifest.model, bundle.digest, number, seconds, counts, whole, results, overhead(bundle)
    )
    advance("on the wire")
    return replace(report, wire=_wire(bundle, candidates, report, firsts))


def _wire(
    bundle: Bundle,
    candidates: Sequence[VideoCandidate],
    report: VideoReport,
    firsts: Mapping[str, Sequence[Image]],
) -> list[WireResult]:
    """The first clip of each kind, carried as the cheapest that is good enough for a slow scene codes it."""
    streams = [one for one in candidates if isinstance(one, FeatureStream) and one.references]
    won = report.winners(KINDS[0]).get(REFERENCES)
    named = [one for one in streams if won and one.name == won.name] or streams[-1:]
    if not named:
        return []
    stream, halves = named[0], {kind: DeviceHalf(bundle, frames) for kind, frames in firsts.items()}
    boundaries = {
        kind: [half.boundary(stream.cut, index) for index in range(len(firsts[kind]))]
        for kind, half in halves.items()
    }
    return measure_wire(bundle, stream.cut, stream.spec.name, boundaries)


class _ClipEvaluation:
    """Clips of one kind, one after another, and the evaluation of answers about them."""

    def __init__(self, cloud: CloudHalf, drawn: Sequence[Clip]) -> None:
        self._spans = list(_spans([len(clip.frames) for clip in drawn]))
        self._asked_spans = list(_spans([len(clip.asked) for clip in drawn]))
        evaluation_set = _evaluation_set(drawn, self._asked_spans)
        self.questions = len(evaluation_set.questions)
        self._asked = [
            span.start + index for span, clip in zip(self._spans, drawn, strict=True) for index in clip.asked
        ]
        self._evaluator = QuestionEvaluator(cloud.reference_model, evaluation_set)
        self._metric = self._evaluator.metrics[0]
        tokens = cloud.encode_images(evaluation_set.pictures)
        self._reference = self._evaluator.answer(tokens)
        self._whole_terms = self._evaluator.terms(tokens, self._reference, self._reference)[ALL]

    @property
    def whole(self) -> float:
        """Right answers about the frames as they are, in percent."""
        return self._metric.value(self._whole_terms)

    def batch(self, device: DeviceHalf) -> ClipBatch:
        return ClipBatch(device, self._spans, self._asked)

    def result(self, kind: str, candidate: VideoCandidate, batch: ClipBatch) -> VideoResult:
        sizes, tokens = candidate.send(batch)
        terms = self._evaluator.terms(tokens, self._evaluator.answer(tokens), self._reference)[ALL]
        rates = [RATE * statistics.mean(sizes[span.start : span.stop]) for span in self._spans]
        return VideoResult(
            kind,
            candidate.name,
            candidate.group,
            candidate.curve,
            statistics.mean(rates),
            rates,
            self._figure(terms),
        )

    def _figure(self, terms: Sequence[float]) -> Figure:
        """The frames of a clip are alike: the interval is over clips."""
        changes = [term - other for term, other in zip(terms, self._whole_terms, strict=True)]
        points = [100 * change for change in self._by_clip(changes)]
        bounds = interval(points, self._by_clip(self._metric.weights))
        value = self._metric.value(terms)
        return Figure(value, value - self.whole, *bounds)

    def _by_clip(self, values: Sequence[float]) -> list[float]:
        return [sum(values[span.start : span.stop]) for span in self._asked_spans]


def _evaluation_set(drawn: Sequence[Clip], spans: Sequence[range]) -> EvaluationSet:
    """The frames that are asked about, and the questions."""
    pictures = [clip.frames[index] for clip in drawn for index in clip.asked]
    questions = [
        (span.start + clip.asked.index(index), question)
        for span, clip in zip(spans, drawn, strict=True)
        for index, question in clip.questions
    ]
    return EvaluationSet("clips", pictures, questions)


def _spans(lengths: Sequence[int]) -> Iterator[range]:
    start = 0
    for length in lengths:
        yield range(start, start + length)
        start += length
