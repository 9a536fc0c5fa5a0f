"""Measure in a child process: a thread pool belongs to a process for good, and memory is told apart only in
a fresh one.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from protos.errors import IsthmusError
from protos.terminal.failures import failure


def results(module: str, *arguments: object) -> Iterator[Any]:
    """The JSON values that `python -m MODULE ARGUMENTS` prints, a line each, as they come. Raises
    IsthmusError where it fails.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        try:
            assert process.stdout
            for line in process.stdout:
                yield json.loads(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise IsthmusError(
            f"the process that measures ({module}) stopped with status {process.returncode}; what went "
            "wrong stands above"
        )


@contextmanager
def conversation(module: str, arguments: Sequence[object]) -> Iterator[Callable[[Mapping[str, Any]], Any]]:
    """A process that answers a line of JSON with another, once it has said that it is there. Raises
    IsthmusError where it does not.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdin
        assert process.stdout
        answers, questions = process.stdout, process.stdin

        def read() -> Any:
            if not (line := answers.readline()):
                raise IsthmusError(
                    f"the process that measures ({module}) failed; what went wrong stands above"
                )
            return json.loads(line)

        def ask(question: Mapping[str, Any]) -> Any:
            print(json.dumps(question), file=questions, flush=True)
            return read()

        try:
            read()
            yield ask
        finally:
            process.kill()


def emit(value: object) -> None:
    """The child's side: print a JSON value as a line."""
    print(json.dumps(value), flush=True)


def run(work: Callable[[], None]) -> None:
    """The child's whole work; what goes wrong is a line on standard error, and the exit status."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - a person gets a line, never a traceback
        text, status = failure(error, ["bench", *sys.argv])
        print(f"isthmus: {text}", file=sys.stderr)
        sys.exit(status)
