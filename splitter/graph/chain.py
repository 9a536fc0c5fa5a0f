"""Run a chain of ONNX pieces as the splitter needs it: whole batches, every boundary and every code kept."""

import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from splitter.graph.export import PIXELS
from splitter.graph.files import save, weight_bytes

_ERRORS_ONLY = 3
_MAX_BYTES = 64 << 20
_MAX_PIXELS = 32 * 128 * 128
_MAX_SECONDS = 20.0

Arrays = dict[str, NDArray[np.generic]]


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
    """A session of a serialised graph, or of a file, on the CPU.

    It has so many threads of its own, or the process's where something has set those up before.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except RuntimeError as error:
        if "global thread pool" not in str(error):
            raise
        options.use_per_session_threads = False
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def rows_at_once(shape: Sequence[int]) -> int:
    """How many pictures of pixels (n, 3, h, w) go through a tower together: what lives in its layers grows
    with their size.
    """
    return max(1, _MAX_PIXELS // (shape[-2] * shape[-1]))


class Chain:
    """Pieces in order, one session each."""

    def __init__(self, pieces: Iterable[onnx.ModelProto], threads: int = 1) -> None:
        self._sessions: list[ort.InferenceSession] = []
        for piece in pieces:
            self._sessions.append(piece_session(piece, threads))
            del piece  # before the next is made: a piece may have gigabytes

    def run(self, pixels: NDArray[np.float32], pieces: int | None = None) -> list[Arrays]:
        """Pixels (n, 3, h, w) to every output of each piece, or of the first so many, by graph name."""
        batch = rows_at_once(pixels.shape)
        runs = [self._run(pixels[start : start + batch], pieces) for start in range(0, len(pixels), batch)]
        return [
            {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            for parts in zip(*runs, strict=True)
        ]

    def milliseconds(self, pixels: NDArray[np.float32], repetitions: int) -> list[float]:
        """Median time of each piece on one picture; `pixels` is (1, 3, h, w)."""
        inputs: list[Arrays] = [{PIXELS: pixels}, *self._run(pixels)]
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

    def _run(self, pixels: NDArray[np.float32], pieces: int | None = None) -> list[Arrays]:
        outputs: list[Arrays] = [{PIXELS: pixels}]
        for session in self._sessions[:pieces]:
            names = [output.name for output in session.get_outputs()]
            outputs.append(dict(zip(names, session.run(names, _inputs(session, outputs[-1])), strict=True)))
        return outputs[1:]


def reached(pieces: Iterable[onnx.ModelProto], pixels: NDArray[np.float32]) -> list[Arrays]:
    """Every output of each piece, as `Chain.run` gives them, but with one piece in memory at a time. `pixels`
    are one batch.
    """
    outputs: list[Arrays] = [{PIXELS: pixels}]
    for piece in pieces:
        session = piece_session(piece, 1)
        names = [output.name for output in session.get_outputs()]
        outputs.append(dict(zip(names, session.run(names, _inputs(session, outputs[-1])), strict=True)))
        del piece, session
    return outputs[1:]


def _inputs(session: ort.InferenceSession, known: Mapping[str, NDArray[np.generic]]) -> Arrays:
    return {value.name: known[value.name] for value in session.get_inputs()}
