"""Candidate cuts, fitted and measured on few pictures: enough for a plan to tell them apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from statistics import mean

import numpy as np
import onnxruntime as ort
import torch

from protos import bundle_pb2 as pb
from protos import codec as wire
from splitter.codecs import codecs, encoders
from splitter.evaluate.matching import Agreement
from splitter.evaluate.measures import Answers, Features, Measure
from splitter.evaluate.verify import image_tokens
from splitter.families import Boundary, enter, walk
from splitter.graph.chain import Arrays, Chain, open_session
from splitter.graph.cut import cut
from splitter.graph.export import export_tower, graph_name
from splitter.stages.cut_codecs import cut_codecs
from splitter.stages.report import median_milliseconds
from splitter.stages.select import in_form
from splitter.stages.weighing import weigh
from splitter.stages.work import Work

_CALIBRATION, _PICTURES = 128, 24
_MAX_BYTES = 512 << 20  # of all candidates' boundaries on the calibration pictures
_TURNS = 15

Tensors = dict[str, wire.Floats]


@dataclass(frozen=True)
class _Coder:
    """Both halves of a codec."""

    half: wire.Codec
    encoder: ort.InferenceSession | None

    @classmethod
    def of(cls, spec: pb.Codec, folder: Path, threads: int) -> "_Coder":
        encoder = open_session((folder / spec.encoder).read_bytes(), threads) if spec.encoder else None
        return cls(wire.receiver(spec, folder.joinpath), encoder)

    def encode(self, boundary: Tensors, tiles: slice) -> dict[str, bytes]:
        """The payloads of one picture of a batch, whose tiles lie there."""
        codes = encoders.run(
            self.encoder, self.half, {name: values[tiles] for name, values in boundary.items()}
        )
        return self.half.encode({name: np.concatenate(values) for name, values in codes.items()})


class Trial:
    """The measured candidates; `manifest` holds what a plan needs to know of them."""

    def __init__(self, work: Work, names: Sequence[str]) -> None:
        self._work, self._folder = work, work.parts.folder / "trial"
        self._grids, self._spans = work.grids[:_PICTURES], work.spans[:_PICTURES]
        self._pixels = work.held_out[: self._spans[-1].stop]
        self._tensors = _tensors(work, names)
        self._coders: dict[str, _Coder] = {}
        self._payloads: dict[str, list[dict[str, bytes]]] = {}
        self.manifest = pb.Manifest()
        for part in ("edge", "cloud"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        for done, (name, milliseconds, fitted, held) in enumerate(self._reached(names)):
            work.advance("trying cuts", done, len(names))
            self._try(name, milliseconds, fitted, held)

    def accuracy(self, name: str) -> float:
        """Of a codec of a cut, `split@CUT/CODEC`, in percent of the report's measure."""
        place, _, _ = name.removeprefix("split@").partition("/")
        half, sent = self._coders[name].half, self._payloads[name]
        decoded = [
            half.decode(payloads, grid.tiles) for payloads, grid in zip(sent, self._grids, strict=True)
        ]
        together = {tensor: np.concatenate([one[tensor] for one in decoded]) for tensor in decoded[0]}
        tiles = len(self._pixels)
        received = {
            tensor: torch.from_numpy(v.reshape(tiles, -1, *v.shape[1:])) for tensor, v in together.items()
        }
        with torch.inference_mode():
            tokens = enter(self._work.whole.family, self._work.whole.model, place, received)
        return self._measure.score(self._measure.outcome(tokens), self._whole).accuracy

    @cached_property
    def whole_accuracy(self) -> float:
        return self._measure.score(self._whole, self._whole).accuracy

    @cached_property
    def _measure(self) -> Measure:
        """The report's, on fewer pictures."""
        work = self._work
        if matcher := work.matcher:
            return Agreement(matcher)
        asked = [(index, question) for index, question in work.subject.questions if index < len(self._grids)]
        return Answers(work.speaker, asked, self._grids) if work.with_language else Features()

    @cached_property
    def _whole(self) -> object:
        whole = self._work.whole
        return self._measure.outcome(image_tokens(whole.family, whole.model, torch.from_numpy(self._pixels)))

    def _reached(self, names: Sequence[str]) -> Iterator[tuple[str, float, Tensors, Tensors]]:
        """Of each candidate: its piece's milliseconds, and its boundary on calibration pictures and on those
        to measure on.
        """
        work = self._work
        tower = work.parts.model("tower-fp32", lambda: export_tower(work.whole.family, work.whole.model))
        graph_names = [[graph_name(name, tensor) for tensor in self._tensors[name]] for name in names]
        chain = Chain(cut(in_form(work, tower), graph_names), work.options.threads)
        one = chain.run(self._pixels[:1])
        tiles = len(self._pixels) // len(self._grids)
        room = _MAX_BYTES // (tiles * sum(values.nbytes for arrays in one for values in arrays.values()))
        seen = list(work.subject.calibration)[: max(8, min(_CALIBRATION, room))]
        measured = (
            chain.milliseconds(self._pixels[:1], _TURNS),
            chain.run(work.pixels(seen)),
            chain.run(self._pixels),
        )
        for name, milliseconds, fitted, held in zip(names, *measured, strict=True):
            yield name, milliseconds, self._boundary(name, fitted), self._boundary(name, held)

    def _boundary(self, name: str, arrays: Arrays) -> Tensors:
        return {
            tensor: np.asarray(arrays[graph_name(name, tensor)], np.float32) for tensor in self._tensors[name]
        }

    def _try(self, name: str, milliseconds: float, fitted: Tensors, held: Tensors) -> None:
        """Fit the codecs of a candidate, and measure what they take."""
        self.manifest.pieces.add(cut=name, milliseconds=milliseconds)
        entry = self.manifest.cuts.add(name=name, cloud_milliseconds=self._tail_milliseconds(name, held))
        codings = cut_codecs(self._work, name, fitted, weigh(self._work, name, fitted))
        entry.codecs.extend(coding.describe(held) for coding in codings)
        codecs.write(entry, codings, self._folder)
        for spec in entry.codecs:
            route, coder = (
                f"split@{name}/{spec.name}",
                _Coder.of(spec, self._folder, self._work.options.threads),
            )
            sent = [coder.encode(held, tiles) for tiles in self._spans]
            spec.mean_bytes = mean(sum(map(len, payloads.values())) for payloads in sent)
            spec.encode_milliseconds = median_milliseconds(partial(coder.encode, held, slice(1)))
            self._coders[route], self._payloads[route] = coder, sent

    @torch.inference_mode()
    def _tail_milliseconds(self, name: str, held: Tensors) -> float:
        whole = self._work.whole
        boundary: Boundary = {tensor: torch.from_numpy(values[:1]) for tensor, values in held.items()}
        return median_milliseconds(partial(enter, whole.family, whole.model, name, boundary))


@torch.inference_mode()
def _tensors(work: Work, names: Sequence[str]) -> Mapping[str, list[str]]:
    """The bare tensor names that cross each candidate."""
    pixels = torch.zeros(1, *work.whole.family.pixel_shape(work.whole.model))
    return {
        name: list(boundary)
        for name, boundary in walk(work.whole.family, work.whole.model, pixels)
        if name in names
    }
