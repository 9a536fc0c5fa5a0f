"""The head: a chain of ONNX pieces, run as far as the chosen cut."""

import time
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge import runtime
from edge.preprocess import Pixels
from protos import bundle_pb2 as pb
from protos.bundle import Bundle
from protos.errors import BundleDamaged, RequestError

Codes = NDArray[np.generic]


@dataclass(frozen=True)
class Reached:
    """What the head made of a picture at a cut.

    `boundary`: tensor name -> float32 (1, ...), enough to go on from here. `codes`: codec -> tensor name -> codes without the batch
    dimension, ready for that codec's `encode`. `milliseconds`: cut -> time of the piece that ends there, for the pieces run now.
    """

    cut: str
    boundary: dict[str, NDArray[np.float32]]
    codes: dict[str, dict[str, Codes]]
    milliseconds: dict[str, float]


class Head:
    """The head of a bundle. A piece is checked and loaded when it is first needed, and kept."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self._bundle, self._threads = bundle, threads
        self._loaded: dict[str, ort.InferenceSession] = {}

    def load(self, cut: str) -> None:
        """Get every piece up to a cut ready. Raises UnknownName, or BundleDamaged."""
        for piece in self._bundle.pieces_to(cut):
            self._piece(piece)

    def run(self, pixels: Pixels, cut: str, after: Reached | None = None) -> Reached:
        """Pixels (1, 3, h, w) to a cut; or on from `after`, reached before for the same picture, if it lies on the way.

        Raises UnknownName, BundleDamaged, or RequestError for pixels of another shape.
        """
        self.load(cut)
        pieces = self._bundle.pieces_to(cut)
        feed, todo = self._start(pixels, pieces, after)
        if after and not todo:
            return after
        milliseconds: dict[str, float] = {}
        for piece in todo[:-1]:
            feed = self._step(piece, feed, _boundary(piece), milliseconds)
        last = self._step(todo[-1], feed, [*_boundary(todo[-1]), *self._codes(cut)], milliseconds)
        return self._reached(cut, last, milliseconds)

    def _start(self, pixels: Pixels, pieces: list[pb.Piece], after: Reached | None) -> tuple[dict[str, Codes], list[pb.Piece]]:
        """What the first piece still to run takes, and the pieces still to run."""
        names = [piece.cut for piece in pieces]
        if after and after.cut in names:
            feed: dict[str, Codes] = {f"{after.cut}/{name}": tensor for name, tensor in after.boundary.items()}
            return feed, pieces[names.index(after.cut) + 1 :]
        spec = pieces[0].inputs[0]
        if pixels.shape != (1, *spec.shape):
            shape = "x".join(map(str, spec.shape))
            raise RequestError(f"the model takes one picture of {shape}, these pixels are {pixels.shape}; prepare them with this bundle")
        return {spec.name: pixels}, pieces

    def _step(self, piece: pb.Piece, feed: dict[str, Codes], outputs: list[str], milliseconds: dict[str, float]) -> dict[str, Codes]:
        session = self._piece(piece)
        inputs = {spec.name: feed[spec.name] for spec in piece.inputs}
        started = time.perf_counter()
        values = session.run(outputs, inputs)
        milliseconds[piece.cut] = (time.perf_counter() - started) * 1e3
        return dict(zip(outputs, values, strict=True))

    def _reached(self, cut: str, outputs: dict[str, Codes], milliseconds: dict[str, float]) -> Reached:
        spec = self._bundle.cut(cut)
        boundary = {tensor.name: np.asarray(outputs[f"{cut}/{tensor.name}"], np.float32) for tensor in spec.boundary}
        codes = {
            codec.name: {tensor.codes.name: outputs[f"codes/{codec.name}/{tensor.codes.name}"][0] for tensor in codec.tensors}
            for codec in spec.codecs
        }
        return Reached(cut, boundary, codes, milliseconds)

    def _codes(self, cut: str) -> list[str]:
        return [f"codes/{codec.name}/{tensor.codes.name}" for codec in self._bundle.cut(cut).codecs for tensor in codec.tensors]

    def _piece(self, piece: pb.Piece) -> ort.InferenceSession:
        if piece.path not in self._loaded:
            session = runtime.session(self._bundle.file(piece.path), self._threads)
            self._check(piece, session)
            self._loaded[piece.path] = session
        return self._loaded[piece.path]

    def _check(self, piece: pb.Piece, session: ort.InferenceSession) -> None:
        takes, gives = ({node.name for node in nodes} for nodes in (session.get_inputs(), session.get_outputs()))
        missing = ({spec.name for spec in piece.inputs} ^ takes) | ({*_boundary(piece), *self._codes(piece.cut)} - gives)
        if missing:
            names = ", ".join(sorted(missing))
            raise BundleDamaged(f"{piece.path} and the manifest disagree about {names}; split the model again", file=piece.path)


def _boundary(piece: pb.Piece) -> list[str]:
    return [spec.name for spec in piece.outputs]
