"""Run a chain of ONNX pieces as the splitter needs it: many pictures, every boundary kept.

Tile by tile all the same, as a device runs them: dynamic INT8 takes the ranges of its activations from all
that it is given at once, so that a picture in a batch becomes other features than by itself.
"""

import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from splitter.graph.export import PIXELS
from splitter.graph.files import save, weight_bytes

_ERRORS_ONLY = 3
_MAX_BYTES = 64 << 20
_MAX_SECONDS = 20.0

Arrays = dict[str, NDArray[np.generic]]
Feed = Mapping[str, NDArray[np.generic]]
Feeds = Iterable[Feed]  # what a graph is given, run by run


def piece_session(piece: onnx.ModelProto, threads: int) -> ort.InferenceSession:
    """A session of a graph in memory; the weights of a large one go by way of a file, which takes a third of
    the memory.
    """
    if weight_bytes(piece) <= _MAX_BYTES:
        return open_session(piece.SerializeToString(), threads)
    with tempfile.TemporaryDirectory(prefix="isthmus-") as folder:
        path = Path(folder) / "piece.onnx"
        save(piece, path, _MAX_BYTES)
        return open_session(str(path), threads)


def open_session(model: bytes | str, threads: int) -> ort.InferenceSession:
    """A session of a serialised graph, or of a file, on the CPU, with so many threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Chain:
    """Pieces in order, one session each."""

    def __init__(self, pieces: Iterable[onnx.ModelProto], threads: int = 1) -> None:
        self._sessions: list[ort.InferenceSession] = []
        for piece in pieces:
            self._sessions.append(piece_session(piece, threads))
            del piece  # before the next is made: a piece may have gigabytes

    def run(self, pixels: NDArray[np.float32], pieces: int | None = None) -> list[Arrays]:
        """Pixels (n, 3, h, w) to every output of each piece, or of the first so many, by graph name."""
        outputs: list[Arrays] = [{PIXELS: pixels}]
        for session in self._sessions[:pieces]:
            outputs.append(_by_tiles(session, outputs[-1]))
        return outputs[1:]

    def milliseconds(self, pixels: NDArray[np.float32], repetitions: int) -> list[float]:
        """Median time of each piece on one picture; `pixels` is (1, 3, h, w)."""
        inputs: list[Arrays] = [{PIXELS: pixels}, *self.run(pixels)]
        times: list[list[float]] = [[] for _ in self._sessions]
        until = time.perf_counter() + _MAX_SECONDS
        for turn in range(repetitions):
            if turn and time.perf_counter() > until:
                break
            for session, known, kept in zip(self._sessions, inputs, times, strict=False):
                begin = time.perf_counter()
                session.run(None, _inputs(session, known))
                kept.append(1e3 * (time.perf_counter() - begin))
        return [statistics.median(kept) for kept in times]


def reached(pieces: Iterable[onnx.ModelProto], pixels: NDArray[np.float32]) -> list[Arrays]:
    """Every output of each piece, as `Chain.run` gives them, but with one piece in memory at a time."""
    outputs: list[Arrays] = [{PIXELS: pixels}]
    for piece in pieces:
        session = piece_session(piece, 1)
        outputs.append(_by_tiles(session, outputs[-1]))
        del piece, session
    return outputs[1:]


def tile_by_tile(pixels: NDArray[np.float32]) -> Iterator[Arrays]:
    """Pixels (n, 3, h, w) as a head is given them on a device."""
    return ({PIXELS: pixels[tile : tile + 1]} for tile in range(len(pixels)))


def _by_tiles(session: ort.InferenceSession, known: Mapping[str, NDArray[np.generic]]) -> Arrays:
    """What a piece makes of tensors (tiles, ...), one tile at a time."""
    names, inputs = [output.name for output in session.get_outputs()], _inputs(session, known)
    tiles = [
        session.run(names, {name: values[tile : tile + 1] for name, values in inputs.items()})
        for tile in range(len(next(iter(inputs.values()))))
    ]
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*tiles, strict=True), strict=True)}


def _inputs(session: ort.InferenceSession, known: Mapping[str, NDArray[np.generic]]) -> Arrays:
    return {value.name: known[value.name] for value in session.get_inputs()}
