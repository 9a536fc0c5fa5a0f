"""What a head keeps in memory, and how long it takes to start: `python -m bench.head.resident EMPTY WHAT
THREADS`.

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
from edge.models import runtime
from edge.models.head import Head
from protos.bundle import Bundle
from protos.errors import IsthmusError

SETTLED_RUNS = 3

Run = Callable[[], object]


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
    child.say({"resident_bytes": once, "settled_bytes": _resident() - base, "start_ms": start})


def _file(path: Path, threads: int) -> Callable[[], Run]:
    def load() -> Run:
        session = runtime.session(path, threads)
        [takes] = session.get_inputs()
        pixels = np.zeros((1, *takes.shape[1:]), np.float32)
        return lambda: session.run(None, {takes.name: pixels})

    return load


def _bundle(path: Path, threads: int) -> Callable[[], Run]:
    """The chain as a device holds it; its files' digests are checked before the clock starts."""
    bundle = Bundle.open(path)
    pieces = bundle.manifest.pieces
    for piece in pieces:
        bundle.file(piece.path)
    head, last = Head(bundle, threads), pieces[-1].cut

    def load() -> Run:
        head.load(last)
        pixels = np.zeros((1, *pieces[0].inputs[0].shape), np.float32)
        return lambda: head.run(pixels, last)

    return load


def _resident() -> int:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError as error:
        raise IsthmusError(
            "resident memory is read from /proc/self/status, which this system has not; run it on Linux"
        ) from error
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
