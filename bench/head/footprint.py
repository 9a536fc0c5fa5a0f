"""The memory of a head, and how long it takes to start: `python -m bench.head.footprint EMPTY WHAT THREADS`.

EMPTY is a graph without weights: what onnxruntime itself takes, with a session of it, is subtracted. WHAT is
an ONNX file or a bundle. Prints one JSON object; bytes and milliseconds. Memory is resident memory, from
/proc.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.rig import child
from bench.rig.process_memory import memory
from edge.models import runtime
from edge.models.head import Head
from protos.bundle import Bundle

SETTLED_RUNS = 3

Runner = Callable[[], object]


def main(empty: Path, what: Path, threads: int) -> None:
    """Baseline, load, one run, and the runs until memory has settled."""
    base_session = runtime.session(empty, threads)
    base_session.run(None, {"x": np.zeros(1, np.float32)})
    load = _bundle(what, threads) if what.is_dir() else _file(what, threads)
    base, started = _resident(), time.perf_counter()
    run = load()
    start = (time.perf_counter() - started) * 1e3
    run()
    once = _resident() - base
    for _ in range(SETTLED_RUNS - 1):
        run()
    child.emit({"resident_bytes": once, "settled_bytes": _resident() - base, "start_ms": start})


def _file(path: Path, threads: int) -> Callable[[], Runner]:
    def load() -> Runner:
        session = runtime.session(path, threads)
        [takes] = session.get_inputs()
        pixels = np.zeros((1, *takes.shape[1:]), np.float32)
        return lambda: session.run(None, {takes.name: pixels})

    return load


def _bundle(path: Path, threads: int) -> Callable[[], Runner]:
    """The chain as a device holds it; its files' digests are checked before the clock starts."""
    bundle = Bundle.open(path)
    pieces = bundle.manifest.pieces
    for piece in pieces:
        bundle.file(piece.path)
    head, last = Head(bundle, threads), pieces[-1].cut

    def load() -> Runner:
        head.load(last)
        pixels = np.zeros((1, *pieces[0].inputs[0].shape), np.float32)
        return lambda: head.run(pixels, last)

    return load


def _resident() -> int:
    return memory()["VmRSS"]


if __name__ == "__main__":
    child.run(lambda: main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
