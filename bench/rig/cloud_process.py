"""The cloud service as a child process that can be killed and never outlives its parent."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from protos.errors import CloudError

_START_SECONDS = 90.0
_STOP_SECONDS = 5.0
_LISTENING = "listening on "


class CloudProcess:
    """`isthmus cloud serve BUNDLE` at `listen`, a free port unless given; runs inside `with`. Raises
    CloudError where it does not come up.
    """

    def __init__(self, bundle: Path, seconds: float = _START_SECONDS, listen: str = "127.0.0.1:0") -> None:
        self._bundle, self._seconds, self._listen = bundle, seconds, listen
        self._lines: deque[str] = deque(maxlen=20)
        self._addresses: queue.Queue[str | None] = queue.Queue()
        self.address, self.printed_bytes = "", 0

    def __enter__(self) -> Self:
        command = [
            sys.executable,
            "-m",
            "bench.rig.watchdog",
            str(os.getpid()),
            "cloud",
            "serve",
            "--bundle",
            str(self._bundle),
            "--listen",
            self._listen,
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to handle, once
        )
        self._listener = threading.Thread(target=self._read, name="cloud: output", daemon=True)
        self._listener.start()
        try:
            self.address = self._await_address()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """The last lines that it printed."""
        return "\n".join(self._lines)

    def kill(self) -> None:
        """SIGKILL: no farewell, as when power fails."""
        self._process.kill()
        self._process.wait()

    def _stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self.kill()
        self._listener.join()

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout:
            for line in self._process.stdout:
                self._lines.append(line.rstrip())
                self.printed_bytes += len(line)
                if line.startswith(_LISTENING):
                    self._addresses.put(line.removeprefix(_LISTENING).strip())
        self._addresses.put(None)

    def _await_address(self) -> str:
        try:
            address = self._addresses.get(timeout=self._seconds)
        except queue.Empty:
            address = None
        if address is None:
            raise CloudError(
                f"the cloud service did not start; it said:\n{self.output or '(nothing)'}",
                bundle=str(self._bundle),
            )
        return address
