"""Digests of large files, each read once: what did not change since is not read again."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from protos.files import write_whole

_LARGE = 64 << 20  # a smaller file is read faster than it is looked up
_BLOCK = 16 << 20
_SETTLED = 2.0  # seconds: a file that changed so recently may change again within one tick of its clock
_MAX_KEPT = 500

Read = Callable[[int], None]


class Digests:
    """SHA-256 of files by path, size, inode and both times, to the nanosecond; kept in a JSON file between
    runs.
    """

    def __init__(self, memory: Path, read: Read = lambda _: None) -> None:
        """`read` is told of every so many bytes done, looked up ones too."""
        self._memory, self._read = memory, read
        self._known = _load(memory)

    def of(self, path: Path) -> str:
        """The hex SHA-256 of a file. Raises OSError."""
        key = _key(path)
        if known := self._known.get(key):
            self._read(path.stat().st_size)
            return known
        digest = self._sha256(path)
        if (
            path.stat().st_size >= _LARGE
            and key == _key(path)
            and time.time() - path.stat().st_mtime > _SETTLED
        ):
            self._known[key] = digest
            self._keep()
        return digest

    def _sha256(self, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                self._read(len(block))
        return digest.hexdigest()

    def _keep(self) -> None:
        with suppress(OSError):  # what cannot be kept is read again
            write_whole(self._memory, json.dumps(dict(list(self._known.items())[-_MAX_KEPT:])))


def _key(path: Path) -> str:
    place, seen = path.resolve(), path.stat()
    return f"{place} {seen.st_size} {seen.st_ino} {seen.st_mtime_ns} {seen.st_ctime_ns}"


def _load(memory: Path) -> dict[str, str]:
    """What was kept; nothing where that cannot be read, for it can be found again."""
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(digest) for key, digest in known.items()} if isinstance(known, dict) else {}
