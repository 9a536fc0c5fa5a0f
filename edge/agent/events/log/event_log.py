"""The log of events as a SQLite file: what was seen, what waits for a sink, and what each rule knows.

One transaction holds an event, whom it waits for, and its rule's state: a process that is killed has told all
of it or nothing. `synchronous=FULL`: what was added is there after a power cut.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.agent.events.event import Event
from edge.agent.events.rules.rule import RuleState
from protos.errors import RequestError
from protos.files import check_name, check_writable

APPLICATION, FORMAT = 0x49534556, 1  # "ISEV"
_SCHEMA = """
CREATE TABLE event (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL, thumbnail BLOB
);
CREATE INDEX event_id ON event (id);
CREATE INDEX event_at ON event (at);
CREATE TABLE waiting (
  sink TEXT NOT NULL, row INTEGER NOT NULL REFERENCES event ON DELETE CASCADE, PRIMARY KEY (sink, row)
) WITHOUT ROWID;
CREATE INDEX waiting_row ON waiting (row);
CREATE TABLE rule (source TEXT, event TEXT, kept BLOB NOT NULL, PRIMARY KEY (source, event)) WITHOUT ROWID;
"""
_MAGIC = b"SQLite format 3\0"
_WAL_PAGES = 256
_TRIMMED = 0.9  # of `max_bytes` are left, so that not every event has to make room
_SOME = "SELECT max(1, count(*) / 32) FROM event"  # rows that go in one step


class Kept(msgspec.Struct, frozen=True):
    """What of a rule outlives a process; times are seconds since 1970."""

    state: RuleState
    at: float
    id: str = ""  # of the event that is not over
    began: float = 0.0


class LogEntry(NamedTuple):
    """An event to be added: for which sinks, what its rule knows now, and the frame as a JPEG."""

    event: Event
    sinks: Sequence[str]
    kept: Kept
    thumbnail: bytes | None = None


class Waiting(NamedTuple):
    """An event that a sink has not taken."""

    row: int
    event: Event


class EventLog:
    """The file, open for one process. Its methods block, and raise sqlite3.Error."""

    def __init__(self, path: Path, keep_seconds: float, max_bytes: int) -> None:
        """Raises RequestError for a place that nothing can be written to, and for a file that is no log."""
        self._path, self._keep_seconds, self._max_bytes = path, keep_seconds, max_bytes
        self._file = _opened(path)
        self.lost = 0  # events that went before a sink had taken them

    def close(self) -> None:
        self._file.close()

    def add(self, entry: LogEntry) -> None:
        event = entry.event
        with self._file:
            row = self._file.execute(
                "INSERT INTO event (id, at, body, thumbnail) VALUES (?, ?, ?, ?)",
                (event.id, event.at.timestamp(), event.json(), entry.thumbnail),
            ).lastrowid
            self._file.executemany("INSERT INTO waiting VALUES (?, ?)", [(sink, row) for sink in entry.sinks])
            self._put(event.source, event.event, entry.kept)
        self._fit()

    def keep(self, source: str, event: str, kept: Kept) -> None:
        """What a rule knows, without an event."""
        with self._file:
            self._put(source, event, kept)

    def kept(self) -> dict[tuple[str, str], Kept]:
        """What each rule knew, by source and name of the event."""
        rows = self._file.execute("SELECT source, event, kept FROM rule")
        return {(source, event): msgspec.json.decode(kept, type=Kept) for source, event, kept in rows}

    def first(self, sink: str, after: int = 0) -> Waiting | None:
        """The oldest event that a sink has not taken, behind a row."""
        found = self._file.execute(
            "SELECT row, body FROM waiting JOIN event USING (row) WHERE sink = ? AND row > ? "
            "ORDER BY row LIMIT 1",
            (sink, after),
        ).fetchone()
        return Waiting(found[0], Event.parse(found[1])) if found else None

    def taken(self, sink: str, row: int) -> None:
        """A sink has taken this one, and all before it."""
        with self._file:
            self._file.execute("DELETE FROM waiting WHERE sink = ? AND row <= ?", (sink, row))

    def trim(self, now: float) -> None:
        """Let go of what is too old; its room is given back."""
        self._drop("at < ?", now - self._keep_seconds)
        self._give_back()

    def _fit(self) -> None:
        """Let go of the oldest where the files are too large."""
        if self.size <= self._max_bytes:
            return
        self._checkpoint()
        while self._content > _TRIMMED * self._max_bytes and self._oldest():
            pass
        self._give_back()

    def _give_back(self) -> None:
        if self._pragma("freelist_count"):
            self._file.executescript("PRAGMA incremental_vacuum")  # `execute` frees one page
            self._checkpoint()

    @property
    def size(self) -> int:
        """Bytes of the files, the free pages and the write-ahead log included."""
        return sum(file.stat().st_size for file in (self._path, wal(self._path)) if file.exists())

    @property
    def _content(self) -> int:
        return self._pragma("page_size") * (self._pragma("page_count") - self._pragma("freelist_count"))

    def _oldest(self) -> bool:
        return self._drop(f"row IN (SELECT row FROM event ORDER BY row LIMIT ({_SOME}))")  # noqa: S608

    def _drop(self, which: str, *values: float) -> bool:
        """`which` is of this module, values are bound."""
        with self._file:
            lost = self._file.execute(
                f"SELECT count(DISTINCT row) FROM waiting JOIN event USING (row) WHERE {which}",  # noqa: S608
                values,
            ).fetchone()[0]
            dropped = self._file.execute(f"DELETE FROM event WHERE {which}", values).rowcount  # noqa: S608
        self.lost += lost
        return dropped > 0

    def _put(self, source: str, event: str, kept: Kept) -> None:
        self._file.execute(
            "INSERT OR REPLACE INTO rule VALUES (?, ?, ?)", (source, event, msgspec.json.encode(kept))
        )

    def _pragma(self, name: str) -> int:
        return int(self._file.execute(f"PRAGMA {name}").fetchone()[0])

    def _checkpoint(self) -> None:
        self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def wal(path: Path) -> Path:
    """Where SQLite writes first."""
    return path.with_name(f"{path.name}-wal")


def check_format(file: sqlite3.Connection, path: Path) -> None:
    """Raises RequestError for a database that is no log of events, or a later one; sqlite3.Error for a file
    that is no database.
    """
    application, version = (
        file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application != APPLICATION:
        raise RequestError(f"{path} is no log of events; give another name", path=str(path))
    if version != FORMAT:
        raise RequestError(
            f"{path} is a log of events of format {version}, this version reads {FORMAT}; give another name, "
            "or use the version that wrote it",
            path=str(path),
        )


def _opened(path: Path) -> sqlite3.Connection:
    check_name(path)
    check_writable(path)
    if path.is_dir() or (path.is_file() and not _is_database(path)):
        raise RequestError(f"{path} is no log of events; give another name", path=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # for its owner alone; what SQLite puts beside it has the same permissions
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    file = sqlite3.connect(path, timeout=10, check_same_thread=False)
    try:
        _prepare(file, path)
    except (sqlite3.Error, RequestError):
        file.close()
        raise
    return file


def _is_database(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(len(_MAGIC))
    return head in {_MAGIC, b""}


def _prepare(file: sqlite3.Connection, path: Path) -> None:
    with closing(file.execute("SELECT count(*) FROM sqlite_master")) as found:
        new = not found.fetchone()[0]
    if not new:
        check_format(file, path)
    for pragma in (
        *(("auto_vacuum = INCREMENTAL",) if new else ()),
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"wal_autocheckpoint = {_WAL_PAGES}",
        "journal_size_limit = 0",
    ):
        file.execute(f"PRAGMA {pragma}").fetchall()
    if new:
        marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"
        file.executescript(f"BEGIN; {_SCHEMA} {marks} COMMIT;")
