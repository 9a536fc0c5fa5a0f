"""`isthmus edge run` as a process: what it prints and logs goes to the books as it comes."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, Self

from bench.rig.process_memory import memory
from tests.chaos.ledger import Books
from tests.house import ROOT

PATIENCE = 90.0
LOG_PATIENCE = 300.0  # where what it says follows many questions
_SERVES = "HTTP at "


class AgentProcess:
    """Runs inside `with`; it is killed at the end, if it is not before. `url` is where it answers."""

    def __init__(self, settings: Path, variables: dict[str, str], books: Books) -> None:
        self._settings, self._variables, self._books = settings, variables, books
        self._urls, self.log = Queue[str](), deque[str](maxlen=200)
        self.url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "isthmus", "edge", "run", str(self._settings), "--json"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | self._variables, stdout=pipe, stderr=pipe, text=True
        )
        assert self._process.stdout
        assert self._process.stderr
        streams = ((self._process.stdout, self._print), (self._process.stderr, self._log))
        self._threads = [Thread(target=_read, args=both) for both in streams]
        for thread in self._threads:
            thread.start()
        try:
            self.url = self._urls.get(timeout=PATIENCE)
        except Empty:
            self.__exit__()
            raise AssertionError("\n".join(self.log)) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        for thread in self._threads:
            thread.join()
        with self._process:
            pass

    def ends(self) -> int:
        """Its status after SIGTERM."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def reload(self) -> None:
        """It reads its settings again."""
        self._process.send_signal(signal.SIGHUP)

    def says(self, words: str) -> None:
        """Returns once its log has them."""
        due = time.monotonic() + LOG_PATIENCE
        while not any(words in line for line in list(self.log)):
            self.check()
            assert time.monotonic() < due, "\n".join(self.log)
            time.sleep(0.05)

    def check(self) -> None:
        """Fails where it has ended."""
        assert self._process.poll() is None, "\n".join(self.log)

    @property
    def resident(self) -> int:
        """Bytes."""
        return memory(self._process.pid)["VmRSS"]

    @property
    def descriptors(self) -> int:
        return self._entries("fd")

    @property
    def threads(self) -> int:
        return self._entries("task")

    def fill_disk(self) -> None:
        """Let no file of its take another byte."""
        self._limit_files(0)

    def free_disk(self) -> None:
        self._limit_files(self._most_bytes)

    def _entries(self, of: str) -> int:
        return len(list(Path(f"/proc/{self._process.pid}/{of}").iterdir()))

    @property
    def _most_bytes(self) -> int:
        return resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)[1]

    def _limit_files(self, size: int) -> None:
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, self._most_bytes))

    def _print(self, line: str) -> None:
        self._books.printed(json.loads(line))

    def _log(self, line: str) -> None:
        self.log.append(line.rstrip())
        self._books.logged(line.rstrip())
        if _SERVES in line:
            self._urls.put(line.partition(_SERVES)[2].strip())


def _read(stream: IO[str], take: Callable[[str], None]) -> None:
    for line in stream:
        take(line)
