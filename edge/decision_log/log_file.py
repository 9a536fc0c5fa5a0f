"""The log as a file: one JSON object a line, appended whole, for its owner alone, and bounded.

A file that would pass MAX_BYTES is renamed to FILE.1, in the place of an earlier one: two files are all that
there ever is.
"""

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Self

from edge.decision_log.record import FORMAT, Record
from protos.errors import RequestError
from protos.files import check_name, check_writable

MAX_BYTES = 10_000_000
_MARK = f'{{"format":{FORMAT},"at":'.encode()
_MAX_LINE = 1 << 16


@dataclass(frozen=True)
class BadLine:
    """One that is no record: where it is, and why."""

    place: str
    reason: str


def older(path: Path) -> Path:
    """Where what was rotated is."""
    return path.with_name(f"{path.name}.1")


def check_log(path: Path) -> None:
    """Raises RequestError now for a file that nothing can be appended to, or that is no log of ours."""
    check_name(path)
    check_writable(path)
    for place in (path, older(path)):
        if place.exists() and not _is_ours(place):
            raise RequestError(
                f"{place} is not appended to, because it is no log of decisions; give another name",
                path=str(place),
            )


def append(path: Path, record: Record, max_bytes: int = MAX_BYTES) -> None:
    """Add a record, whole or not at all, though other processes add theirs. Raises RequestError."""
    line = record.line().encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _Opened(path) as opened:
            if opened.size and opened.size + len(line) > max_bytes:
                path.replace(older(path))
                opened.reopen()
            os.write(opened.descriptor, line)
    except OSError as error:
        raise RequestError(
            f"{path} cannot be appended to ({error.strerror}); give another name", path=str(path)
        ) from error


def read_log(path: Path) -> tuple[list[Record], list[BadLine]]:
    """Every record, what was rotated first, and the lines that are none. Raises RequestError where there is
    no file.
    """
    records, bad = list[Record](), list[BadLine]()
    for place in (older(path), path):
        if place == path or place.exists():
            _read(place, records, bad)
    return records, bad


class _Opened:
    """The log, open to append, one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.reopen()

    def reopen(self) -> None:
        """Open what has the name now; another process may rename it until it is locked."""
        while True:
            self.descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            if self._path.exists() and os.path.samestat(os.fstat(self.descriptor), self._path.stat()):
                break
            os.close(self.descriptor)
        if stat.S_IMODE(os.fstat(self.descriptor).st_mode) != 0o600:
            os.fchmod(self.descriptor, 0o600)

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def _is_ours(place: Path) -> bool:
    try:
        with place.open("rb") as stream:
            head = stream.read(len(_MARK))
    except OSError:
        return False
    return not head or head == _MARK


def _read(place: Path, records: list[Record], bad: list[BadLine]) -> None:
    try:
        with place.open("rb") as stream:
            number = 0
            while line := stream.readline(_MAX_LINE):
                number += 1
                try:
                    records.append(Record.parse(line.decode()))
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    bad.append(BadLine(f"{place}, line {number}", f"{type(error).__name__}: {error}"[:200]))
    except OSError as error:
        raise RequestError(
            f"{place} cannot be read ({error.strerror}); give the FILE of isthmus ask --log FILE",
            path=str(place),
        ) from error
