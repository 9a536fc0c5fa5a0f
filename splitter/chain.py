"""Run a chain of ONNX pieces as the splitter needs it: whole batches, every boundary and every code kept."""

import statistics
import time
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from splitter.export import PIXELS

_ERRORS_ONLY = 3

Arrays = dict[str, NDArray[np.generic]]


def open_session(model: bytes, threads: int) -> ort.InferenceSession:
    """A session on the CPU with so many threads of its own, or with the process's where something has set those up before."""
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


class Chain:
    """Pieces in order, one session each."""

    def __init__(self, pieces: Sequence[onnx.ModelProto], threads: int = 1) -> None:
        self._sessions = [open_session(piece.SerializeToString(), threads) for piece in pieces]

    def run(self, pixels: NDArray[np.float32], batch: int = 32) -> list[Arrays]:
        """Pixels (n, 3, h, w) to every output of each piece, by graph name."""
        runs = [self._run(pixels[start : start + batch]) for start in range(0, len(pixels), batch)]
        return [{name: np.concatenate([part[name] for part in parts]) for name in parts[0]} for parts in zip(*runs, strict=True)]

    def milliseconds(self, pixels: NDArray[np.float32], repetitions: int) -> list[float]:
        """Median time of each piece on one picture; `pixels` is (1, 3, h, w)."""
        inputs: list[Arrays] = [{PIXELS: pixels}, *self._run(pixels)]
        times: list[list[float]] = [[] for _ in self._sessions]
        for _ in range(repetitions):
            for session, known, kept in zip(self._sessions, inputs, times, strict=False):
                begin = time.perf_counter()
                session.run(None, _inputs(session, known))
                kept.append(1e3 * (time.perf_counter() - begin))
        return [statistics.median(kept) for kept in times]

    def _run(self, pixels: NDArray[np.float32]) -> list[Arrays]:
        outputs: list[Arrays] = [{PIXELS: pixels}]
        for session in self._sessions:
            names = [output.name for output in session.get_outputs()]
            outputs.append(dict(zip(names, session.run(names, _inputs(session, outputs[-1])), strict=True)))
        return outputs[1:]


def _inputs(session: ort.InferenceSession, known: Mapping[str, NDArray[np.generic]]) -> Arrays:
    return {value.name: known[value.name] for value in session.get_inputs()}
