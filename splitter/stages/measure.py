"""Measure: what every cut and codec costs and loses, beside uploads of the same pictures and beside local
answers, all by one measure.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from protos import bundle_pb2 as pb
from protos.arms.loss import sure_loss
from protos.pictures.upload_formats import Coding
from splitter.codecs.arrays import Tensors
from splitter.codecs.coder import Coder
from splitter.decoders.onnx_decoder import OnnxDecoder
from splitter.decoders.onnx_small_model import OnnxSmallModel
from splitter.decoders.text_tower import TextTower
from splitter.evaluate import uploads
from splitter.evaluate.escalation import calibration
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.latency import median_milliseconds
from splitter.evaluate.matching import LabelFidelity
from splitter.evaluate.measures import AnswerFidelity, Answers, ExactMatch, measure_of
from splitter.evaluate.reference import Reference
from splitter.evaluate.scores import Score
from splitter.evaluate.verify import image_tokens, in_batches, rows_at_once
from splitter.families import enter
from splitter.graph.chain import Chain
from splitter.graph.cut_plan import CutPlan
from splitter.stages.run import Run

_REPETITIONS = 30
_HOPELESS = 5.0  # points: what a lower quality of the same upload would lose at least, nobody would choose


@dataclass(frozen=True)
class Row:
    """One way to answer: `bytes_mean` of payload a picture (0 where nothing is sent). Percent, and points
    below the whole model with their standard error.
    """

    route: str
    bytes_mean: float
    accuracy: float
    by_kind: Mapping[str, float]
    low: float  # 95% interval of the accuracy
    high: float
    loss: float
    loss_error: float
    identical: float

    @property
    def mean_bytes(self) -> float:
        return self.bytes_mean

    @property
    def sure_loss(self) -> float:
        """Points lost beyond noise."""
        return sure_loss(self.loss, self.loss_error)


@dataclass(frozen=True)
class Measured:
    """What the ways to answer cost and lose: `rows` for the report, `figures` for those who decide."""

    rows: Sequence[Row]
    figures: pb.Measurements


class _Exam:
    """The held-out pictures, and the measure that every way to answer is held to."""

    def __init__(self, run: Run, reference: Reference, evaluation: EvaluationSet, rows: int) -> None:
        """`rows`: how many ways there are to measure."""
        self.reference, self.evaluation = reference, evaluation
        self._run, self._numbers, self._rows = run, count(), rows
        self.measure = measure_of(
            reference, evaluation.subject.questions, evaluation.grids, lambda: self._whole_tokens
        )

    @cached_property
    def whole(self) -> Row:
        """The whole model's own row."""
        return self._row("whole", 0, self.measure.of_whole, None)

    def row(self, route: str, bytes_mean: float, score: Callable[[], Score]) -> Row:
        """Measure one route, or find it measured by an interrupted run."""
        return self._row(route, bytes_mean, score, self.whole.accuracy)

    def see(self, pixels: Tensor) -> Score:
        """Of pixels that the whole model sees."""
        return self.measure.of(image_tokens(self.reference.family, self.reference.get().model, pixels))

    def enter(self, cut: str, boundary: Tensors) -> Score:
        """Of a boundary that the tail is given."""
        return self.measure.of(self.entered(cut, boundary))

    @torch.inference_mode()
    def entered(self, cut: str, boundary: Tensors) -> Tensor:
        """The image tokens that the tail makes of a boundary."""
        family, model = self.reference.family, self.reference.get().model
        rows = {name: torch.from_numpy(values) for name, values in boundary.items()}
        batches = in_batches(len(next(iter(rows.values()))), rows_at_once(self.evaluation.held_out.shape))
        parts = [enter(family, model, cut, {n: v[part] for n, v in rows.items()}) for part in batches]
        return torch.cat(parts)

    def found(self, name: str, make: Callable[[], object]) -> Any:
        """A JSON value, or what an interrupted run has found."""
        return self._run.parts.value(name, make)

    @cached_property
    def _whole_tokens(self) -> Tensor:
        pixels = torch.from_numpy(self.evaluation.held_out)
        return image_tokens(self.reference.family, self.reference.get().model, pixels)

    def _row(
        self, route: str, bytes_mean: float, score: Callable[[], Score], whole_accuracy: float | None
    ) -> Row:
        def make() -> dict[str, object]:
            scored = score()
            lost = 0.0 if whole_accuracy is None else whole_accuracy - scored.accuracy
            return {"route": route, "bytes_mean": bytes_mean, "loss": lost} | asdict(scored)

        self._run.advance("measuring", next(self._numbers), self._rows)
        return Row(**self.found(f"row-{route.replace('/', '-')}", make))


def measure(
    run: Run,
    reference: Reference,
    evaluation: EvaluationSet,
    plan: CutPlan,
    pieces: Sequence[onnx.ModelProto],
    manifest: pb.Manifest,
    staging: Path,
) -> Measured:
    """Every way to answer that a bundle in the making has, the quantised head in place.

    `manifest` describes the files in `staging`.
    """
    chain = Chain(pieces, run.options.threads)
    curves = list(uploads.curves())
    ways = sum(len(cut.codecs) for cut in manifest.cuts) + sum(map(len, curves)) + 2
    exam = _Exam(run, reference, evaluation, ways)
    outputs = chain.run(evaluation.held_out)
    boundaries = {cut: plan.boundary(cut, arrays) for cut, arrays in zip(plan.cuts, outputs, strict=True)}
    figures = pb.Measurements(
        measure=exam.measure.name,
        accuracy=exam.whole.accuracy,
        accuracy_low=exam.whole.low,
        accuracy_high=exam.whole.high,
        count=exam.measure.count,
        pictures=len(evaluation.grids),
        mean_tiles=evaluation.mean_tiles,
    )
    rows = [exam.whole]
    times = chain.milliseconds(evaluation.held_out[:1], _REPETITIONS)
    for cut, milliseconds in zip(manifest.cuts, times, strict=True):
        taken = figures.cuts[cut.name]
        taken.piece_milliseconds = milliseconds
        for codec in cut.codecs:
            coder = Coder.open(codec, staging, run.options.threads)
            route = f"split@{cut.name}/{codec.name}"
            rows.append(_codec_row(exam, route, coder, boundaries[cut.name], taken.codecs[codec.name]))
    rows += _uploads(exam, curves, figures)
    if manifest.HasField("local"):
        rows += _local(exam, run, manifest, staging, boundaries[plan.cuts[-1]], figures)
    return Measured(rows, figures)


def _note(row: Row, taken: pb.MeasuredCodec | pb.MeasuredUpload | pb.MeasuredLocal) -> Row:
    """Fill in what a way loses."""
    taken.accuracy, taken.accuracy_low, taken.accuracy_high = row.accuracy, row.low, row.high
    taken.loss_error, taken.identical = row.loss_error, row.identical
    return row


def _codec_row(exam: _Exam, route: str, coder: Coder, boundary: Tensors, taken: pb.MeasuredCodec) -> Row:
    """Every held-out picture through the real codec, both halves; fills in what that costs and loses."""
    cut = route.removeprefix("split@").partition("/")[0]
    taken.mean_bytes, received = _received(exam, coder, boundary)
    taken.encode_milliseconds = median_milliseconds(lambda: coder.encode(boundary, slice(1)))
    return _note(exam.row(route, taken.mean_bytes, lambda: exam.enter(cut, received)), taken)


def _received(exam: _Exam, coder: Coder, boundary: Tensors) -> tuple[float, Tensors]:
    """Mean bytes of a picture, and what the cloud makes of them."""
    payloads = [coder.encode(boundary, tiles) for tiles in exam.evaluation.spans]
    decoded = [
        coder.half.decode(payload, grid.tiles)
        for payload, grid in zip(payloads, exam.evaluation.grids, strict=True)
    ]
    received = {
        name: np.concatenate([part[name] for part in decoded]).reshape(values.shape)
        for name, values in boundary.items()
    }
    return statistics.mean(sum(map(len, payload.values())) for payload in payloads), received


def _uploads(exam: _Exam, curves: Sequence[Sequence[Coding]], figures: pb.Measurements) -> list[Row]:
    """Every upload that is worth trying; those that are chosen become arms."""
    tried = {coding: row for curve in curves for coding, row in _curve(exam, curve)}
    resized = exam.evaluation.resized[0]
    for coding in uploads.chosen(tried):
        taken = figures.uploads.add(format=coding.format, quality=coding.quality, scale=coding.scale)
        taken.mean_bytes = tried[coding].bytes_mean
        taken.encode_milliseconds = median_milliseconds(partial(uploads.encode, resized, coding))
        _note(tried[coding], taken)
    return list(tried.values())


def _curve(exam: _Exam, curve: Sequence[Coding]) -> Iterator[tuple[Coding, Row]]:
    """From the best quality down, to the first that is hopeless: none where smaller pictures become other
    tiles.
    """
    for coding in curve:
        row = _upload(exam, coding)
        if row is None:
            return
        yield coding, row
        if row.sure_loss > _HOPELESS:
            return


def _upload(exam: _Exam, coding: Coding) -> Row | None:
    """Every held-out picture through a picture codec and the whole model; None where its tiles are others."""
    preprocessor = exam.evaluation.preprocessor
    files = [uploads.encode(picture, coding) for picture in exam.evaluation.resized]
    pictures = list(map(uploads.decode, files))
    if coding.scale != 1 and [preprocessor.grid(picture) for picture in pictures] != exam.evaluation.grids:
        return None
    size = statistics.mean(map(len, files))
    return exam.row(
        f"upload@{coding}", size, lambda: exam.see(torch.from_numpy(preprocessor.pixels(pictures)))
    )


def _local(
    exam: _Exam, run: Run, manifest: pb.Manifest, staging: Path, last: Tensors, figures: pb.Measurements
) -> Sequence[Row]:
    """The answer on the device; `last`: the last cut's boundary. Fills in what that costs and loses, and how
    sure it is.
    """
    (values,) = last.values()
    tokens = torch.from_numpy(values)
    if isinstance(exam.measure, LabelFidelity):
        return _label_rows(exam, exam.measure, run, manifest.local, staging, tokens, figures.local)
    if isinstance(exam.measure, ExactMatch | AnswerFidelity):
        return [_decoder_row(exam, exam.measure, run, manifest, staging, last, figures)]
    raise TypeError("a bundle with a local decoder is measured by answers")


def _decoder_row(
    exam: _Exam,
    measure: Answers[Any],
    run: Run,
    manifest: pb.Manifest,
    staging: Path,
    last: Tensors,
    figures: pb.Measurements,
) -> Row:
    """Every question by what answers on the device, one at a time, as the device does it."""
    taken = figures.local
    if manifest.local.HasField("own"):
        here, raw = _of_small_model(exam, measure, run, manifest.local.own, staging, taken)
    else:
        here, raw = _of_decoder(exam, measure, run, manifest.local, staging, last, taken)
    row = exam.row("local", 0, lambda: measure.scored(here))
    if cut := _best_codec(manifest, figures):
        (codec,) = cut.codecs
        _, received = _received(exam, Coder.open(codec, staging, run.options.threads), last)
        there = exam.found("escalated-answers", lambda: measure.each(exam.entered(cut.name, received)))
        taken.calibration.CopyFrom(calibration(measure, here, there, raw, run.options.agree))
        taken.calibration.cut, taken.calibration.codec = cut.name, codec.name
    return _note(row, taken)


def _of_decoder(
    exam: _Exam,
    measure: Answers[Any],
    run: Run,
    local: pb.Local,
    staging: Path,
    last: Tensors,
    taken: pb.MeasuredLocal,
) -> tuple[list[Any], list[float]]:
    """By the quantised head and a decoder behind it; fills in what that takes."""
    (values,) = last.values()
    tokens, evaluation = torch.from_numpy(values), exam.evaluation
    decoder = OnnxDecoder(local, staging, run.options.threads, exam.reference.generative().prompting)
    here, raw = exam.found("local-answers", lambda: measure.each_of_decoder(decoder, tokens))
    taken.prefill_milliseconds, taken.token_milliseconds = decoder.milliseconds(
        tokens[evaluation.spans[0]], evaluation.subject.questions[0][1].text, evaluation.grids[0]
    )
    return here, raw


def _of_small_model(
    exam: _Exam, measure: Answers[Any], run: Run, own: pb.Manifest, staging: Path, taken: pb.MeasuredLocal
) -> tuple[list[Any], list[float]]:
    """By a model with a vision part of its own; fills in what that takes, its vision part included."""
    subject = exam.evaluation.subject
    model = OnnxSmallModel(own, staging, run.options.threads, subject.pictures)
    here, raw = exam.found("local-answers", lambda: measure.each_of_model(model))
    taken.prefill_milliseconds, taken.token_milliseconds = model.milliseconds(0, subject.questions[0][1].text)
    return here, raw


def _best_codec(manifest: pb.Manifest, figures: pb.Measurements) -> pb.Cut | None:
    """Of the last cut, where the head has come to for a local answer, the codec that lost least, in the
    fewest bytes; as a cut that has no other. None where it has none. Few answers are escalated, and those
    are hard: what they lose counts for more than their bytes.
    """
    last, ways = manifest.cuts[-1], figures.cuts[manifest.cuts[-1].name].codecs
    lost = {name: max(0.0, figures.accuracy - way.accuracy) for name, way in ways.items()}
    ranked = sorted(last.codecs, key=lambda one: (lost[one.name], ways[one.name].mean_bytes))
    return pb.Cut(name=last.name, codecs=ranked[:1]) if ranked else None


def _label_rows(
    exam: _Exam,
    measure: LabelFidelity,
    run: Run,
    local: pb.Local,
    staging: Path,
    tokens: Tensor,
    taken: pb.MeasuredLocal,
) -> list[Row]:
    """Every picture by the quantised head, compared with the labels' own embeddings, and with those of the
    device's text tower.
    """
    rows = [_note(exam.row("local", 0, lambda: measure.of(tokens)), taken)]
    if local.decoder:
        tower = TextTower(local, staging, run.options.threads)
        embedded = partial(tower.embed, measure.texts)
        rows.append(
            exam.row(
                "local, labels embedded there", 0, lambda: measure.of(tokens, torch.from_numpy(embedded()))
            )
        )
        taken.token_milliseconds = median_milliseconds(lambda: tower.embed(measure.texts[:1]))
    return rows
