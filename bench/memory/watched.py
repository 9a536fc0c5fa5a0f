"""Split a checkpoint and watch what it takes: `python -m bench.memory.watched CHECKPOINT PICTURES BUNDLE
COUNT`.

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
from protos.errors import IsthmusError

_EVERY = 0.01  # seconds
_STATUS = Path("/proc/self/status")


class Peaks:
    """The most of each kind of memory that was seen; the kernel itself keeps only the peak of both
    together.
    """

    def __init__(self) -> None:
        self.anonymous = self.file_backed = 0

    def look(self) -> None:
        seen = _status()
        self.anonymous = max(self.anonymous, seen["RssAnon"])
        self.file_backed = max(self.file_backed, seen["RssFile"] + seen["RssShmem"])

    def told(self) -> dict[str, int]:
        return {"resident": _status()["VmHWM"], "anonymous": self.anonymous, "file_backed": self.file_backed}


def main(checkpoint: Path, pictures: Path, bundle: Path, count: int) -> None:
    """Split as the command does, with so many held-out pictures."""
    with _watching() as peaks:
        started = time.perf_counter()
        from splitter.recipe import Options
        from splitter.silence import silence_libraries
        from splitter.split import split

        def say(text: str) -> None:
            child.say({"step": text, "seconds": time.perf_counter() - started} | peaks.told())

        options = Options(checkpoint, calibration=pictures, report_pictures=count)
        with silence_libraries():
            split(options, bundle, say=say)
        child.say({"seconds": time.perf_counter() - started} | peaks.told())


@contextmanager
def _watching() -> Iterator[Peaks]:
    peaks, over = Peaks(), threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            peaks.look()

    watcher = threading.Thread(target=watch, name="watch memory")
    peaks.look()
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def _status() -> dict[str, int]:
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise IsthmusError(
            f"resident memory is read from {_STATUS}, which this system has not; run it on Linux"
        ) from error
    return {
        name: int(rest.split()[0]) << 10
        for name, _, rest in (line.partition(":") for line in lines)
        if rest.endswith("kB")
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
