"""The head: a chain of ONNX pieces, run as far as the chosen cut."""

import time
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from edge.models import runtime
from edge.pictures.preprocess import Pixels
from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.bundle import Bundle
from protos.errors import RequestError


@dataclass(frozen=True)
class HeadOutput:
    """What the head made of a picture at a cut.

    `boundary`: tensor name -> float32 (tiles, ...), what a codec codes and enough to go on from here.
    `milliseconds`: cut -> time of the piece that ends there, all tiles together, for the pieces run now.
    """

    cut: str
    boundary: dict[str, Floats]
    milliseconds: dict[str, float]


@dataclass(frozen=True)
class _Piece:
    """A piece ready to run: its tensors as the graph calls them, and those of its boundary by bare name."""

    cut: str
    session: ort.InferenceSession
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: tuple[str, ...]


class Head:
    """The head of a bundle. A piece is checked and loaded when it is first needed, and kept."""

    def __init__(self, bundle: Bundle, threads: int = 1, provider: str = "") -> None:
        """Raises RequestError for a provider that this onnxruntime lacks; empty: the environment's, or the
        one that suits the head.
        """
        self._bundle, self._threads = bundle, threads
        self._placement = runtime.place(bundle, bundle.manifest.precision, provider)
        self._loaded: dict[str, _Piece] = {}
        self._chains: dict[str, list[_Piece]] = {}
        self._shape = tuple(bundle.manifest.pieces[0].inputs[0].shape)

    def load(self, cut: str) -> None:
        """Get every piece up to a cut ready. Raises UnknownName, or BundleDamaged."""
        self._chain(cut)

    def passes(self, place: str, cut: str) -> bool:
        """Whether a cut lies on the way to another. Raises as `run`."""
        return place in {piece.cut for piece in self._chain(cut)}

    def run(self, pixels: Pixels | None, cut: str, after: HeadOutput | None = None) -> HeadOutput:
        """Pixels (tiles, 3, h, w) to a cut; or on from `after`, reached before for the same picture, if it
        lies on the way: then no pixels are needed.

        Raises UnknownName, BundleDamaged, or RequestError for pixels of another shape.
        """
        values, todo = self._start(pixels, self._chain(cut), after)
        if after and not todo:
            return after
        milliseconds = {piece.cut: 0.0 for piece in todo}
        # Tile by tile: a CPU is busy with one, all of a layer's tensors stay small, and each tile keeps its
        # own INT8 ranges.
        tiles = [
            _through(todo, [value[tile : tile + 1] for value in values], milliseconds)
            for tile in range(len(values[0]))
        ]
        boundary = [
            parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in zip(*tiles, strict=True)
        ]
        return HeadOutput(cut, dict(zip(todo[-1].tensors, boundary, strict=True)), milliseconds)

    def _start(
        self, pixels: Pixels | None, chain: list[_Piece], after: HeadOutput | None
    ) -> tuple[list[Floats], list[_Piece]]:
        """What the first piece still to run takes, in its order, and the pieces still to run."""
        names = [piece.cut for piece in chain]
        if after and after.cut in names:
            reached = names.index(after.cut)
            return [after.boundary[name] for name in chain[reached].tensors], chain[reached + 1 :]
        if pixels is None or pixels.shape[1:] != self._shape or not len(pixels):
            shape, given = "x".join(map(str, self._shape)), None if pixels is None else pixels.shape
            raise RequestError(
                f"the model takes tiles of {shape}, these pixels are {given}; prepare them with this bundle"
            )
        return [pixels], chain

    def _chain(self, cut: str) -> list[_Piece]:
        if cut not in self._chains:
            self._chains[cut] = [self._piece(piece) for piece in self._bundle.pieces_to(cut)]
        return self._chains[cut]

    def _piece(self, piece: pb.Piece) -> _Piece:
        if piece.path not in self._loaded:
            session = runtime.session(self._bundle.file(piece.path), self._threads, self._placement)
            inputs, outputs = (tuple(spec.name for spec in specs) for specs in (piece.inputs, piece.outputs))
            runtime.check(session, piece.path, inputs, outputs)
            tensors = tuple(name.removeprefix(f"{piece.cut}/") for name in outputs)
            self._loaded[piece.path] = _Piece(piece.cut, session, inputs, outputs, tensors)
        return self._loaded[piece.path]


def _through(pieces: list[_Piece], values: list[Floats], milliseconds: dict[str, float]) -> list[Floats]:
    """One tile through pieces; their times are added to."""
    for piece in pieces:
        started = time.perf_counter()
        values = piece.session.run(piece.outputs, dict(zip(piece.inputs, values, strict=True)))
        milliseconds[piece.cut] += (time.perf_counter() - started) * 1e3
    return values
