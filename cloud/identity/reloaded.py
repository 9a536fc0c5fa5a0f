"""What is read of files, and read again when they change."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from protos.errors import RequestError

_log = logging.getLogger(__name__)
T = TypeVar("T")
_Stamp = tuple[int, int, int]


class Reloaded(Generic[T]):
    """The value of some files. Where they change into what cannot be read, the value of before goes on, and
    the operator is told once.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], T]) -> None:
        """`read` raises RequestError for files that are none; so does this, the first time."""
        self._paths, self._read = paths, read
        self._stamps = self._look()
        self._value = read()

    def current(self) -> T:
        """The value of the files as they are now."""
        if (stamps := self._look()) != self._stamps:
            self._stamps = stamps
            try:
                self._value = self._read()
            except RequestError as error:
                _log.error("%s; what was read before goes on", error)
        return self._value

    def _look(self) -> list[_Stamp | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> _Stamp | None:
    """What changes when a file does; None for one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
