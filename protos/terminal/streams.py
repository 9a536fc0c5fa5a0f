"""Standard streams as a process may get them: a terminal of any encoding, a full disk, nothing at all.

For a process of its own: they belong to whoever started it.
"""

import io
import os
import sys
from typing import Any

from protos.errors import IsthmusError


class _Output(io.FileIO):
    """Standard output: that it cannot be written is said once. What comes later has nowhere to go."""

    failed = False

    def write(self, data: Any) -> int:
        if self.failed:
            return len(data)
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            raise
        except OSError as error:
            self.failed = True
            message = f"the output cannot be written ({error.strerror}); send it somewhere else"
            raise IsthmusError(message) from error


class _Error(io.FileIO):
    """Standard error: that it cannot be written can be said to nobody, and is no reason to fail."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def make_steady() -> None:
    """From now on no print fails for a character that the terminal cannot show, which is escaped instead, nor
    for a stream that was closed. A standard output that cannot be written raises IsthmusError.
    """
    # in this order each takes its own number, which the next file to be opened would have got
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere(mode))
    sys.stdout, sys.stderr = _over(sys.stdout, _Output), _over(sys.stderr, _Error)


def _nowhere(mode: str) -> Any:
    return os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8", closefd=False)


def _over(stream: Any, kind: type[_Output | _Error]) -> io.TextIOWrapper:
    raw = kind(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
    )
