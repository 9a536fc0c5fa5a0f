"""Split a checkpoint and record its peak memory: `python -m bench.memory.split_process CHECKPOINT PICTURES
BUNDLE COUNT`.

Prints a JSON object a line: each step as it begins, with the peaks until then, and at the end the peaks and
seconds of the whole. Memory is that of /proc/self/status, in bytes: resident, and of it what no file backs,
which the system cannot take back.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.rig import child
from bench.rig.process_memory import memory

_POLL_SECONDS = 0.01


class Peaks:
    """The peak of each kind of memory; the kernel itself keeps only the peak of their sum."""

    def __init__(self) -> None:
        self.anonymous = self.file_backed = 0

    def update(self) -> None:
        now = memory()
        self.anonymous = max(self.anonymous, now["RssAnon"])
        self.file_backed = max(self.file_backed, now["RssFile"] + now["RssShmem"])

    def record(self) -> dict[str, int]:
        return {"resident": memory()["VmHWM"], "anonymous": self.anonymous, "file_backed": self.file_backed}


def main(checkpoint: Path, pictures: Path, bundle: Path, count: int) -> None:
    """Split as `isthmus split` does, with so many held-out pictures."""
    with _watching() as peaks:
        started = time.perf_counter()
        from splitter.recipe import Options
        from splitter.silence import silence_libraries
        from splitter.split import split

        def report(step: str) -> None:
            child.emit({"step": step, "seconds": time.perf_counter() - started} | peaks.record())

        options = Options(checkpoint, calibration=pictures, report_pictures=count)
        with silence_libraries():
            split(options, bundle, say=report)
        child.emit({"seconds": time.perf_counter() - started} | peaks.record())


@contextmanager
def _watching() -> Iterator[Peaks]:
    peaks, over = Peaks(), threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_SECONDS):
            peaks.update()

    watcher = threading.Thread(target=watch, name="watch memory")
    peaks.update()
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


if __name__ == "__main__":
    child.run(lambda: main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
