"""A service as a child process that can be killed and never outlives its parent."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from protos.errors import CloudError

START_SECONDS = 90.0
_STOP_SECONDS = 5.0


class WatchedProcess:
    """`python -m MODULE ARGUMENTS`, of `isthmus` unless told; runs inside `with`, from where it has printed
    its address. `announced`: the words before the address. Raises CloudError where it does not come up.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[object],
        announced: str,
        seconds: float = START_SECONDS,
        variables: Mapping[str, str] | None = None,
        module: str = "isthmus",
    ) -> None:
        """`name`: what messages call it; `variables`: of its environment, beside ours."""
        self._name, self._announced, self._seconds = name, announced, seconds
        self._command, self._variables = [module, *map(str, arguments)], variables or {}
        self._lines: deque[str] = deque(maxlen=20)
        self._addresses: queue.Queue[str | None] = queue.Queue()
        self.address, self.printed_bytes = "", 0
        self.greeting: list[str] = []  # what it printed before its address

    def __enter__(self) -> Self:
        watchdog = [sys.executable, "-m", "bench.rig.watchdog", str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [*watchdog, *self._command],
            env={**os.environ, **self._variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to handle, once
        )
        self._listener = threading.Thread(target=self._listen, name=f"{self._name}: output", daemon=True)
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

    def wait(self) -> int:
        """Until it has ended by itself; its status."""
        return self._process.wait()

    def _stop(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        self.kill()
        self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout
        with self._process.stdout:
            for line in self._process.stdout:
                self._lines.append(line.rstrip())
                self.printed_bytes += len(line)
                if not self.address:
                    self.greeting.append(line.rstrip())
                if self._announced in line:
                    self._addresses.put(line.partition(self._announced)[2].strip())
        self._addresses.put(None)

    def _await_address(self) -> str:
        try:
            address = self._addresses.get(timeout=self._seconds)
        except queue.Empty:
            address = None
        if address is None:
            raise CloudError(f"{self._name} did not start; it said:\n{self.output or '(nothing)'}")
        return address
