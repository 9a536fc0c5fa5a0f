"""What the fleet's part of the agent remembers over restarts and power cuts: one SQLite file."""

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from protos.errors import RequestError

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, status BLOB NOT NULL
);
"""
_log = logging.getLogger(__name__)


class FleetDatabase:
    """From any thread. What a call has written lasts, whatever happens after it. A file that is damaged is
    put aside, which is said, and a new one begun: `agent.toml` alone is in force until the broker tells its
    retained wish again.
    """

    def __init__(self, path: Path) -> None:
        """Raises RequestError for a path that cannot be used, or that another process uses."""
        self._path, self._lock = path, Lock()
        try:
            self._connection = self._open()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError as error:
            aside = path.with_suffix(".damaged")
            _log.error("%s is damaged (%s): it is kept as %s, and a new one begun", path, error, aside.name)
            self._put_aside(aside)
            self._connection = self._open()

    def close(self) -> None:
        """Nothing is read or written any more."""
        with self._lock:
            self._connection.close()

    def read(self, name: str) -> bytes:
        """What was kept by a name; nothing where nothing was."""
        rows = self.rows("SELECT value FROM kept WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else b""

    def write(self, name: str, value: bytes) -> None:
        """Keep it. Raises RequestError where the disk does not take it."""
        self.change(
            "INSERT INTO kept VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2", (name, value)
        )

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._errors():
            return self._connection.execute(query, values).fetchall()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """How many rows it has changed. Raises RequestError where the disk does not take it."""
        with self._errors():
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise RequestError(
                f"{self._path} cannot be written ({error.strerror}); set $ISTHMUS_CACHE to another folder"
            ) from error
        found = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            found.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
            found.executescript(_SCHEMA)
            found.execute("SELECT count(*) FROM kept").fetchall()  # takes the lock, on a full disk too
        except BaseException:
            found.close()
            raise
        return found

    def _put_aside(self, aside: Path) -> None:
        with suppress(OSError):
            self._path.replace(aside)
        for log in ("-wal", "-shm"):
            self._path.with_name(self._path.name + log).unlink(missing_ok=True)

    def _unusable(self, error: sqlite3.DatabaseError) -> RequestError:
        if "locked" in str(error):
            words = (
                "is open in another process; give each agent a device name or an $ISTHMUS_CACHE of its own"
            )
        else:
            words = f"cannot be used ({error}); make room on its disk, or look after it"
        return RequestError(f"{self._path} {words}", path=str(self._path))
