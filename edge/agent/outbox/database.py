"""A SQLite file of one process: what was committed survives a power cut, and its writes are counted."""

import os
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from protos.errors import OutboxError

PAGE_BYTES = 4096
_FRAME_HEAD, _WAL_HEAD = 24, 32  # bytes; https://sqlite.org/fileformat2.html#walformat
_MIN_FREE = 64  # pages that are not worth giving back
_NEW = f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;"
# none of these writes to a file that has them: a disk that is full can be read
_SETUP = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -512;
"""


class Database:
    """Raises OutboxError for a path that cannot be used and for a disk that fails; it is then opened anew at
    its next use. For one thread at a time.

    The log (WAL) is emptied into the file, and cut to nothing, before it is longer than `max_wal_bytes`.
    """

    def __init__(self, path: Path, schema: str, max_pages: int, max_wal_bytes: int) -> None:
        self._path, self._schema = path, schema
        self._wal = path.with_name(f"{path.name}-wal")
        self._max_pages, self._max_wal_bytes = max_pages, max_wal_bytes
        self.pages_written = 0  # by this process, in log and file
        self._connection: sqlite3.Connection | None = self._open()

    def close(self) -> None:
        """Leave one file, without a log."""
        with suppress(OutboxError):
            self.checkpoint()
        self._disconnect()

    @property
    def wal_bytes(self) -> int:
        return self._wal.stat().st_size if self._wal.exists() else 0

    @property
    def bytes(self) -> int:
        """On disk: the file, free pages in it, and the log."""
        return self._path.stat().st_size + self.wal_bytes

    @property
    def used_pages(self) -> int:
        """Without the free ones, which the next entries fill."""
        return self._number("page_count") - self.free_pages

    @property
    def free_pages(self) -> int:
        return self._number("freelist_count")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a query gives. Raises OutboxError."""
        with self._errors() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; once this is left without an error, it lasts. Raises OutboxError."""
        if self.wal_bytes > self._max_wal_bytes:
            self.checkpoint()
        with self._errors() as connection:
            before = self.wal_bytes
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self.pages_written += max(self.wal_bytes - before, 0) // PAGE_BYTES

    def checkpoint(self) -> None:
        """Empty the log into the file, and give back its free pages where they are more than half of it.
        Raises OutboxError.
        """
        self._empty_log()
        free = self.free_pages
        if free > max(_MIN_FREE, self.used_pages):
            with self._errors() as connection:
                connection.executescript(f"PRAGMA incremental_vacuum({free})")  # execute would free one page
            self.pages_written += self.wal_bytes // PAGE_BYTES
            self._empty_log()

    def _empty_log(self) -> None:
        with self._errors() as connection:
            self.pages_written += len(_pages_of(self._wal))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _number(self, pragma: str) -> int:
        return int(self.rows(f"PRAGMA {pragma}")[0][0])

    @contextmanager
    def _errors(self) -> Iterator[sqlite3.Connection]:
        """The connection. After an error of the disk, what it holds is not relied on: it is opened anew."""
        if self._connection is None:
            self._connection = self._open()
        try:
            yield self._connection
        except sqlite3.DatabaseError as error:
            self._disconnect()
            raise OutboxError(
                f"the outbox {self._path} cannot be used ({error}); make room on its disk, or replace it",
                path=str(self._path),
            ) from error

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds what cameras saw
        except OSError as error:
            raise OutboxError(
                f"the outbox {self._path} cannot be written ({error.strerror}); give another path",
                path=str(self._path),
            ) from error
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
            if not connection.execute("PRAGMA page_count").fetchone()[0]:
                connection.executescript(_NEW)
            connection.executescript(_SETUP + self._schema)
            connection.execute(f"PRAGMA max_page_count = {self._max_pages}").fetchall()
        except sqlite3.DatabaseError as error:
            connection.close()
            raise self._unusable(error) from error
        return connection

    def _unusable(self, error: sqlite3.DatabaseError) -> OutboxError:
        if "locked" in str(error):
            words = "is open in another process; give each agent its own"
        elif "malformed" in str(error) or "not a database" in str(error):
            words = f"is damaged, or no outbox ({error}); move it away to begin a new one"
        else:
            words = f"cannot be opened ({error}); look after its disk"
        return OutboxError(f"the outbox {self._path} {words}", path=str(self._path))

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.DatabaseError):
                self._connection.close()
            self._connection = None


def _pages_of(wal: Path) -> set[int]:
    """The pages of which a log holds a newer version: those that a checkpoint writes."""
    if not wal.exists():
        return set()
    with wal.open("rb") as file:
        size, stride = wal.stat().st_size, _FRAME_HEAD + PAGE_BYTES
        pages = set()
        for place in range(_WAL_HEAD, size - stride + 1, stride):
            file.seek(place)
            pages.add(struct.unpack(">I", file.read(4))[0])
        return pages
