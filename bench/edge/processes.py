"""Processes as a device starts them: how long until the first answer, what they hold, what they use."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.rig.process_memory import resident
from bench.rig.process_time import cpu_seconds
from protos.errors import IsthmusError

_PATIENCE_SECONDS = 10.0
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


class FedProcess:
    """A process that gives a line for each of what it is fed. It runs inside `with`, from whose beginning its
    first answer is timed.
    """

    def __init__(self, command: Sequence[str], food: bytes = b"", bytecode: Path | None = None) -> None:
        """`food`: what an answer needs; where there is none, it answers once by itself. `bytecode`: a folder
        where modules are kept compiled, as pip leaves them on a device.
        """
        self._command, self._food = command, food
        self._variables = {name: value for name, value in os.environ.items() if name != _NO_BYTECODE}
        if bytecode:
            self._variables["PYTHONPYCACHEPREFIX"] = str(bytecode)

    def __enter__(self) -> Self:
        self._begun = time.perf_counter()
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self._command,
            env=self._variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def first(self) -> float:
        """Seconds from the start of the process to its first answer. Raises IsthmusError."""
        self._ask()
        return time.perf_counter() - self._begun

    def answer(self) -> float:
        """Seconds of another. Raises IsthmusError."""
        begun = time.perf_counter()
        self._ask()
        return time.perf_counter() - begun

    def cpu_seconds(self) -> float:
        """So far, of it and of those that it started."""
        return cpu_seconds(self._process.pid)

    def resident_bytes(self) -> int:
        """Now, of the same."""
        return resident(self._process.pid)

    def _ask(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(self._food)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._failed() from error
        if not self._process.stdout.readline():
            raise self._failed()

    def _failed(self) -> IsthmusError:
        self._process.kill()
        _, said = self._process.communicate()
        return IsthmusError(f"a process that was to be measured failed; it said:\n{said.decode()[-2000:]}")
