"""Interleaved timing of a head, all in one process: `python -m bench.head.interleaved_timing FOLDER BUNDLE
THREADS REPETITIONS`.

Every session is made by edge.models.runtime as a device makes them: FP32, one INT8 session, the chain and the
matrix products get as many threads and the same arena, and differ in nothing but their graphs. torch has
threads of its own, as many; a rest before each run lets those that still spin for work go to sleep.

FOLDER holds fp32.onnx, int8.onnx, matmul-fp32.onnx and matmul-int8.onnx. Prints a JSON object a turn:
contender -> milliseconds, and `to CUT` -> milliseconds of the chain as far as that cut.
"""

import itertools
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.head.results import CHAIN, TORCH_BF16, TORCH_FP32
from bench.rig import child
from bench.rig.machine import WARM_UP
from edge.models import runtime
from edge.models.head import Head
from protos.bundle import Bundle
from splitter.families import family_of, walk
from splitter.families.loading import load_model
from splitter.graph.export import attention
from splitter.silence import silence_libraries

FILES = ("fp32", "int8", "matmul-fp32", "matmul-int8")
_REST_SECONDS = 0.01

Contender = Callable[[], Mapping[str, float]]


def main(folder: Path, path: Path, threads: int, repetitions: int) -> None:
    """Run every contender once a turn. Each turn starts with the next one, so that none always runs after the
    same neighbour.
    """
    torch.set_num_threads(threads)
    contenders = list(_contenders(folder, Bundle.open(path), threads).items())
    for turn in range(WARM_UP + repetitions):
        start = turn % len(contenders)
        times = _turn(contenders[start:] + contenders[:start])
        if turn >= WARM_UP:
            child.emit(times)


def _turn(contenders: list[tuple[str, Contender]]) -> dict[str, float]:
    times: dict[str, float] = {}
    for name, run in contenders:
        time.sleep(_REST_SECONDS)
        started = time.perf_counter()
        within = run()
        times[name] = (time.perf_counter() - started) * 1e3
        times.update(within)
    return times


def _contenders(folder: Path, bundle: Bundle, threads: int) -> dict[str, Contender]:
    pixels = (
        np.random.default_rng(0)
        .standard_normal((1, *bundle.manifest.pieces[0].inputs[0].shape))
        .astype(np.float32)
    )
    contenders = {name: _session(folder / f"{name}.onnx", pixels, threads) for name in FILES}
    contenders[CHAIN] = _chain(bundle, pixels, threads)
    for name, dtype in ((TORCH_FP32, torch.float32), (TORCH_BF16, torch.bfloat16)):
        contenders[name] = _torch(bundle.folder("cloud"), pixels, dtype)
    return contenders


def _session(path: Path, pixels: NDArray[np.float32], threads: int) -> Contender:
    """One graph on the pixels; the matrix products get operands of their own."""
    session = runtime.session(path, threads)
    [takes] = session.get_inputs()
    feed = {takes.name: pixels if takes.name == "pixels" else _operand(takes.type, takes.shape)}

    def run() -> dict[str, float]:
        session.run(None, feed)
        return {}

    return run


def _operand(dtype: str, shape: list[int]) -> NDArray[np.generic]:
    numbers = np.random.default_rng(1).integers(0, 256, shape)
    return numbers.astype(np.uint8 if "uint8" in dtype else np.float32)


def _chain(bundle: Bundle, pixels: NDArray[np.float32], threads: int) -> Contender:
    head, last = Head(bundle, threads), bundle.manifest.pieces[-1].cut

    def run() -> dict[str, float]:
        pieces = head.run(pixels, last).milliseconds
        return {
            f"to {cut}": total
            for cut, total in zip(pieces, itertools.accumulate(pieces.values()), strict=True)
        }

    return run


def _torch(folder: Path, pixels: NDArray[np.float32], dtype: torch.dtype) -> Contender:
    """The checkpoint's own modules with torch's fused attention."""
    model = load_model(folder, dtype)
    kind, tensor = family_of(model.config), torch.from_numpy(pixels).to(dtype)

    def run() -> dict[str, float]:
        with torch.inference_mode(), attention(model, "sdpa"):
            for _ in walk(kind, model, tensor):
                pass
        return {}

    return run


if __name__ == "__main__":
    with silence_libraries():
        child.run(lambda: main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
