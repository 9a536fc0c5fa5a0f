"""Measure: what every cut and codec costs and loses, beside JPEG and WebP uploads of the same pictures and
beside local answers.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from protos import bundle_pb2 as pb
from protos.pictures.upload_formats import UPLOAD_FORMATS
from splitter.codecs.arrays import Floats, Tensors
from splitter.codecs.coder import Coder
from splitter.decoders.onnx_decoder import OnnxDecoder
from splitter.decoders.text_tower import TextTower
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.latency import median_milliseconds
from splitter.evaluate.matching import Agreement
from splitter.evaluate.measures import Measure, measure_of
from splitter.evaluate.reference import Reference
from splitter.evaluate.verify import Score, image_tokens, in_batches, recode, rows_at_once
from splitter.families import enter
from splitter.graph.chain import Chain
from splitter.graph.cut_plan import CutPlan
from splitter.stages.run import Run

_REPETITIONS = 30


@dataclass(frozen=True)
class Row:
    """One way to answer: `bytes_mean` of payload a picture (0 where nothing is sent), accuracy in percent."""

    route: str
    bytes_mean: float
    accuracy: float
    by_kind: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """What the ways to answer cost and lose: `rows` for the report, `figures` for those who decide."""

    rows: Sequence[Row]
    figures: pb.Measurements


@dataclass(frozen=True)
class _Exam:
    """The held-out pictures and what is asked about them. The whole model's answers, `expected`, are the
    reference where questions have none of their own.
    """

    run: Run
    reference: Reference
    evaluation: EvaluationSet
    measure: Measure
    expected: Any
    numbers: Iterator[int]  # of the rows, in order
    rows: int  # how many there will be

    def row(self, route: str, bytes_mean: float, answer: Callable[[], Any]) -> Row:
        """Measure one route, or find it measured by an interrupted run."""

        def make() -> dict[str, object]:
            scored: Score = self.measure.score(answer(), self.expected)
            figures = {"accuracy": scored.accuracy, "by_kind": dict(scored.by_kind)}
            return {"route": route, "bytes_mean": bytes_mean} | figures

        self.run.advance("measuring", next(self.numbers), self.rows)
        return Row(**self.run.parts.value(f"row-{route.replace('/', '-')}", make))

    def see(self, pixels: Tensor) -> Any:
        """What is compared, of pixels that the whole model sees."""
        return self.measure.outcome(image_tokens(self.reference.family, self.reference.get().model, pixels))

    @torch.inference_mode()
    def enter(self, cut: str, boundary: Tensors) -> Any:
        """What is compared, of a boundary that the tail is given."""
        family, model = self.reference.family, self.reference.get().model
        rows = {name: torch.from_numpy(values) for name, values in boundary.items()}
        batches = in_batches(len(next(iter(rows.values()))), rows_at_once(self.evaluation.held_out.shape))
        parts = [enter(family, model, cut, {n: v[part] for n, v in rows.items()}) for part in batches]
        return self.measure.outcome(torch.cat(parts))


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
    exam = _exam(run, reference, evaluation, manifest)
    whole = exam.row("whole", 0, lambda: exam.expected)
    outputs = chain.run(evaluation.held_out)
    boundaries = {cut: plan.boundary(cut, arrays) for cut, arrays in zip(plan.cuts, outputs, strict=True)}
    figures = pb.Measurements(
        measure=exam.measure.name, accuracy=whole.accuracy, mean_tiles=evaluation.mean_tiles
    )
    rows = [whole]
    times = chain.milliseconds(evaluation.held_out[:1], _REPETITIONS)
    for cut, milliseconds in zip(manifest.cuts, times, strict=True):
        taken = figures.cuts[cut.name]
        taken.piece_milliseconds = milliseconds
        for codec in cut.codecs:
            coder = Coder.open(codec, staging, run.options.threads)
            route = f"split@{cut.name}/{codec.name}"
            rows.append(_codec_row(exam, route, coder, boundaries[cut.name], taken.codecs[codec.name]))
    for kind in UPLOAD_FORMATS.values():
        rows += [_upload(exam, kind.name, quality, figures) for quality in kind.qualities]
    if manifest.HasField("local"):
        rows += _local(exam, manifest.local, staging, boundaries[plan.cuts[-1]], figures.local)
    return Measured(rows, figures)


def _exam(run: Run, reference: Reference, evaluation: EvaluationSet, manifest: pb.Manifest) -> _Exam:
    asked = measure_of(reference, evaluation.subject.questions, evaluation.grids)
    pixels = torch.from_numpy(evaluation.held_out)
    expected = asked.outcome(image_tokens(reference.family, reference.get().model, pixels))
    rows = (
        sum(len(cut.codecs) for cut in manifest.cuts)
        + sum(len(kind.qualities) for kind in UPLOAD_FORMATS.values())
        + 2
    )
    return _Exam(run, reference, evaluation, asked, expected, count(), rows)


def _codec_row(exam: _Exam, route: str, coder: Coder, boundary: Tensors, taken: pb.MeasuredCodec) -> Row:
    """Every held-out picture through the real codec, both halves; fills in what that costs and loses."""
    evaluation, cut = exam.evaluation, route.removeprefix("split@").partition("/")[0]
    payloads = [coder.encode(boundary, tiles) for tiles in evaluation.spans]
    taken.encode_milliseconds = median_milliseconds(lambda: coder.encode(boundary, slice(1)))
    decoded = [
        coder.half.decode(payload, grid.tiles)
        for payload, grid in zip(payloads, evaluation.grids, strict=True)
    ]
    received = {
        name: np.concatenate([part[name] for part in decoded]).reshape(values.shape)
        for name, values in boundary.items()
    }
    size = statistics.mean(sum(map(len, payload.values())) for payload in payloads)
    row = exam.row(route, size, lambda: exam.enter(cut, received))
    taken.mean_bytes, taken.accuracy = row.bytes_mean, row.accuracy
    return row


def _upload(exam: _Exam, kind: str, quality: int, figures: pb.Measurements) -> Row:
    """Every held-out picture, at the model's own resolution, through a picture codec and the whole model;
    fills in what that costs and loses.
    """
    coded = [recode(picture, kind, quality) for picture in exam.evaluation.resized]
    size = statistics.mean(taken for _, taken in coded)
    pixels = partial(exam.evaluation.preprocessor.pixels, [image for image, _ in coded])
    row = exam.row(f"upload@{kind}-{quality}", size, lambda: exam.see(torch.from_numpy(pixels())))
    figures.uploads.add(format=kind, quality=quality, mean_bytes=row.bytes_mean, accuracy=row.accuracy)
    return row


def _local(
    exam: _Exam, local: pb.Local, staging: Path, last: Tensors, taken: pb.MeasuredLocal
) -> Sequence[Row]:
    """The answer on the device; `last`: the last cut's boundary. Fills in what that costs and loses."""
    (tokens,) = last.values()
    if isinstance(exam.measure, Agreement):
        return _label_rows(exam, exam.measure, local, staging, torch.from_numpy(tokens), taken)
    return [_decoder_row(exam, local, staging, tokens, taken)]


def _decoder_row(exam: _Exam, local: pb.Local, staging: Path, tokens: Floats, taken: pb.MeasuredLocal) -> Row:
    """Every question by the quantised head and decoder, one at a time, as the device does it."""
    prompting = exam.reference.generative().prompting
    decoder = OnnxDecoder(local, staging, exam.run.options.threads, prompting)
    asked, grids, tiles = exam.evaluation.subject.questions, exam.evaluation.grids, exam.evaluation.spans
    row = exam.row(
        "local",
        0,
        lambda: [decoder.answer(tokens[tiles[i]], question.text, grids[i]) for i, question in asked],
    )
    taken.accuracy = row.accuracy
    taken.prefill_milliseconds, taken.token_milliseconds = decoder.milliseconds(
        tokens[tiles[0]], asked[0][1].text, grids[0]
    )
    return row


def _label_rows(
    exam: _Exam,
    agreement: Agreement,
    local: pb.Local,
    staging: Path,
    tokens: Tensor,
    taken: pb.MeasuredLocal,
) -> list[Row]:
    """Every picture by the quantised head, compared with the labels' own embeddings, and with those of the
    device's text tower.
    """
    rows = [exam.row("local", 0, lambda: agreement.outcome(tokens))]
    taken.accuracy = rows[0].accuracy
    if local.decoder:
        tower = TextTower(local, staging, exam.run.options.threads)
        embedded = partial(tower.embed, agreement.texts)
        rows.append(
            exam.row(
                "local, labels embedded there",
                0,
                lambda: agreement.outcome(tokens, torch.from_numpy(embedded())),
            )
        )
        taken.token_milliseconds = median_milliseconds(lambda: tower.embed(agreement.texts[:1]))
    return rows
