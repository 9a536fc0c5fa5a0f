"""Candidate cuts, fitted and measured on few pictures: enough for a plan to tell them apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from statistics import mean

import numpy as np
import torch

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.arms.loss import sure_loss
from protos.pictures.tiles import Grid
from splitter.codecs.arrays import Floats, Tensors
from splitter.codecs.coder import Coder
from splitter.codecs.coding import write
from splitter.codecs.tail_from import CutTail
from splitter.evaluate.evaluation_set import EvaluationSet
from splitter.evaluate.latency import median_milliseconds
from splitter.evaluate.measures import Measure, measure_of
from splitter.evaluate.reference import Reference
from splitter.evaluate.verify import image_tokens
from splitter.families import enter
from splitter.graph.chain import Chain
from splitter.graph.cut import cut
from splitter.graph.cut_plan import CutPlan, boundary_tensors
from splitter.stages.cut_codecs import cut_codecs, weigh
from splitter.stages.gate import export
from splitter.stages.quantise import in_format
from splitter.stages.run import Run
from splitter.stages.smooth import smoothed

_CALIBRATION, _PICTURES = 128, 24
_MAX_BYTES = 512 << 20  # of all candidates' boundaries on the calibration pictures
_TURNS = 15


@dataclass(frozen=True)
class _Sent:
    """What a codec of a cut sends of each picture, and the receiver's half."""

    cut: str
    half: wire.Codec
    payloads: Sequence[dict[str, bytes]]


@dataclass(frozen=True)
class _Candidate:
    """Of a cut: its piece's milliseconds, and its boundary on calibration pictures and on those to measure
    on.
    """

    cut: str
    milliseconds: float
    calibration: Tensors
    held_out: Tensors


@dataclass(frozen=True)
class Trial:
    """The measured candidates; `manifest` and `measured` hold what a plan needs to know of them.

    `pixels` (tiles, 3, h, w) are those of the pictures to measure on, `grids` their tiles.
    """

    manifest: pb.Manifest
    measured: pb.Measurements
    sent: Mapping[str, _Sent]
    reference: Reference
    measure: Measure
    pixels: Floats
    grids: Sequence[Grid]

    def sure_loss(self, name: str) -> float:
        """Of a codec of a cut, `split@CUT/CODEC`: points below the whole model, beyond noise."""
        sent, tiles = self.sent[name], len(self.pixels)
        decoded = [
            sent.half.decode(payloads, grid.tiles)
            for payloads, grid in zip(sent.payloads, self.grids, strict=True)
        ]
        together = {tensor: np.concatenate([one[tensor] for one in decoded]) for tensor in decoded[0]}
        received = {
            tensor: torch.from_numpy(v.reshape(tiles, -1, *v.shape[1:])) for tensor, v in together.items()
        }
        with torch.inference_mode():
            tokens = enter(self.reference.family, self.reference.get().model, sent.cut, received)
        found = self.measure.of(tokens)
        return sure_loss(self._whole_accuracy - found.accuracy, found.loss_error)

    @cached_property
    def _whole_accuracy(self) -> float:
        return self.measure.of_whole().accuracy


def try_cuts(run: Run, reference: Reference, evaluation: EvaluationSet, cuts: Sequence[str]) -> Trial:
    """Fit the codecs of each candidate, and measure what they take."""
    folder = _folder(run)
    grids, spans = evaluation.grids[:_PICTURES], evaluation.spans[:_PICTURES]
    pixels = evaluation.held_out[: spans[-1].stop]
    manifest, measured, sent = pb.Manifest(), pb.Measurements(mean_tiles=1), dict[str, _Sent]()
    for done, candidate in enumerate(_candidates(run, reference, evaluation, cuts, pixels)):
        run.advance("trying cuts", done, len(cuts))
        manifest.pieces.add(cut=candidate.cut)
        tail = CutTail(reference, candidate.cut, evaluation.questions)
        entry = _fitted(run, tail, candidate, folder)
        taken = measured.cuts[entry.name]
        taken.piece_milliseconds = candidate.milliseconds
        taken.cloud_milliseconds = _tail_milliseconds(tail, candidate.held_out)
        for spec in entry.codecs:
            coder, name = Coder.open(spec, folder, run.options.threads), f"split@{entry.name}/{spec.name}"
            sent[name] = _send(coder, candidate, spans, taken.codecs[spec.name])
        manifest.cuts.append(entry)
    asked = [(index, question) for index, question in evaluation.subject.questions if index < len(grids)]
    whole = cache(lambda: image_tokens(reference.family, reference.get().model, torch.from_numpy(pixels)))
    measure = measure_of(reference, asked, grids, whole)
    return Trial(manifest, measured, sent, reference, measure, pixels, grids)


def _folder(run: Run) -> Path:
    folder = run.parts.folder / "trial"
    for part in ("edge", "cloud"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    return folder


def _candidates(
    run: Run, reference: Reference, evaluation: EvaluationSet, cuts: Sequence[str], pixels: Floats
) -> Iterator[_Candidate]:
    """Every candidate, on as many calibration pictures as have room in memory."""
    plan = CutPlan(boundary_tensors(reference.family, reference.get().model, cuts))
    tower = in_format(run, evaluation, smoothed(run, evaluation, export(run, reference)))
    chain = Chain(cut(tower, plan.graph_names), run.options.threads)
    tiles = len(pixels) // min(_PICTURES, len(evaluation.grids))
    one = sum(values.nbytes for arrays in chain.run(pixels[:1]) for values in arrays.values())
    room = _MAX_BYTES // (tiles * one)
    measured = (
        chain.milliseconds(pixels[:1], _TURNS),
        chain.run(evaluation.calibration(max(8, min(_CALIBRATION, room)))),
        chain.run(pixels),
    )
    for name, milliseconds, seen, held in zip(cuts, *measured, strict=True):
        yield _Candidate(name, milliseconds, plan.boundary(name, seen), plan.boundary(name, held))


def _fitted(run: Run, tail: CutTail, candidate: _Candidate, folder: Path) -> pb.Cut:
    """The candidate's codecs in the folder, as a manifest has them."""
    codings = cut_codecs(run, tail, candidate.calibration, weigh(run, tail, candidate.calibration))
    entry = pb.Cut(name=candidate.cut)
    entry.codecs.extend(coding.describe(candidate.held_out) for coding in codings)
    write(entry, codings, folder)
    return entry


@torch.inference_mode()
def _tail_milliseconds(tail: CutTail, boundary: Tensors) -> float:
    one = {tensor: torch.from_numpy(values[:1]) for tensor, values in boundary.items()}
    return median_milliseconds(partial(tail.enter, one))


def _send(coder: Coder, candidate: _Candidate, spans: Sequence[slice], taken: pb.MeasuredCodec) -> _Sent:
    """Every picture through the sender's half; fills in what that takes."""
    payloads = [coder.encode(candidate.held_out, tiles) for tiles in spans]
    taken.mean_bytes = mean(sum(map(len, sent.values())) for sent in payloads)
    taken.encode_milliseconds = median_milliseconds(partial(coder.encode, candidate.held_out, slice(1)))
    return _Sent(candidate.cut, coder.half, payloads)
