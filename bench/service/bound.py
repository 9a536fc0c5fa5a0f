"""The bound: the model in process with perfect batches, no network, no queue, everything decoded beforehand.

python -m bench.service.bound BUNDLE DEVICE DTYPE THREADS

Reads a JSON line for each measurement, {"folder", "batch", "seconds"}, and prints one with what was done.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

from bench.rig import child
from bench.rig.process_time import cpu_seconds
from bench.service.model import AnsweringModel, Seen
from bench.service.workloads import read_requests


def main(bundle: Path, device: str, dtype: str, threads: int) -> None:
    """Measure until there is no further line."""
    model = AnsweringModel(bundle, device, dtype, threads)
    child.emit(value=True)
    # as the services do, in a thread that has not loaded the model
    with ThreadPoolExecutor(1) as worker:
        for line in sys.stdin:
            child.emit(worker.submit(_measured, model, **json.loads(line)).result())


@torch.inference_mode()
def _measured(model: AnsweringModel, folder: str, batch: int, seconds: float) -> dict[str, Any]:
    """What was done in whole batches, after one that does not count."""
    model.tail.use_threads()
    stream = cycle([model.see(request) for request in read_requests(Path(folder))])
    _answer(model, list(islice(stream, batch)))
    began, cpu, requests, tokens = time.monotonic(), cpu_seconds(os.getpid()), 0, 0
    while time.monotonic() - began < seconds:
        tokens += _answer(model, list(islice(stream, batch)))
        requests += batch
    return {
        "requests": requests,
        "tokens": tokens,
        "seconds": time.monotonic() - began,
        "cpu_seconds": cpu_seconds(os.getpid()) - cpu,
    }


def _answer(model: AnsweringModel, seen: Sequence[Seen]) -> int:
    """Answer these side by side, rows of finished answers left out; how many tokens they have."""
    tail, seen = model.tail, sorted(seen, key=lambda one: one.cut)
    image_tokens = [
        tail.enter(cut, [one.boundary for one in seen if one.cut == cut])
        for cut in sorted({one.cut for one in seen})
    ]
    decoder = tail.decoder_batch([one.prompt for one in seen], torch.cat(image_tokens))
    latest, left, count = decoder.prefill().argmax(-1).tolist(), [one.max_tokens for one in seen], 0
    while True:
        going = [row for row, token in enumerate(latest) if token not in tail.stop_tokens and left[row] > 1]
        count += sum(token not in tail.stop_tokens for token in latest)
        if not going:
            return count
        decoder.keep(going)
        left = [left[row] - 1 for row in going]
        latest = decoder.decode([latest[row] for row in going]).argmax(-1).tolist()


if __name__ == "__main__":
    child.run(lambda: main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
