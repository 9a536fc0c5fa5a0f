"""The outbox: requests on disk until they are answered. What it has accepted it does not lose."""

import json
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from edge.agent.outbox.database import Database
from edge.agent.outbox.entries import (
    ANSWERED,
    DROPPED,
    WAITING,
    DeferredState,
    Entry,
    Note,
    OutboxBacklog,
    Outcome,
)
from edge.agent.outbox.limits import Limits, no_room, worn
from edge.agent.settings.quantities import Milliseconds
from protos import inference_pb2 as pb
from protos.errors import OutboxError, RequestError
from protos.limits import IDEMPOTENCY_KEY_BYTES

_DAY_SECONDS = 86400
_TIME_BYTES = 6  # of a key, in milliseconds: the newest entry is the last of its index, in one page
_AT_ONCE = 64  # rows that are cleared away in one go
_SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
    key BLOB PRIMARY KEY, due REAL NOT NULL, bundle TEXT NOT NULL, note BLOB NOT NULL, request BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS waiting_due ON waiting (due, bundle, key);
CREATE TABLE IF NOT EXISTS settled (
    key BLOB PRIMARY KEY, at REAL NOT NULL, told INTEGER NOT NULL, note BLOB NOT NULL, text TEXT NOT NULL,
    done BLOB NOT NULL, dropped TEXT NOT NULL, request_bytes INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS settled_told ON settled (told, at);
CREATE TABLE IF NOT EXISTS written (day INTEGER PRIMARY KEY, pages INTEGER NOT NULL);
"""
_OUTCOMES = "SELECT key, note, text, done, dropped, request_bytes FROM settled "
_UNTOLD, _FETCHED = 0, 2  # of `told`, beside 1: the last is an application's answer, which it fetches
_FORGET_OLD = (
    "DELETE FROM settled WHERE key IN "
    "(SELECT key FROM settled WHERE told IN (1, 2) AND at < ? ORDER BY told, at LIMIT ?)"
)
_FORGET_TOLD = "DELETE FROM settled WHERE key IN (SELECT key FROM settled WHERE told = 1 ORDER BY at LIMIT ?)"


class Outbox:
    """To be closed in the end. May be used from several threads; its methods wait for the disk.

    `counts`: what became of requests in this process: kept, refused, answered, dropped.
    """

    def __init__(
        self, path: Path, limits: Limits, age_seconds: float, wall: Callable[[], float] = time.time
    ) -> None:
        """`wall`: seconds since 1970. Raises OutboxError for a path that cannot be used."""
        self._limits, self._age, self._wall, self._lock = limits, age_seconds, wall, Lock()
        self._database = Database(path, _SCHEMA, limits.max_pages, limits.max_wal_bytes)
        self._day = self._today()
        before = self._database.rows("SELECT pages FROM written WHERE day = ?", (self._day,))
        self._earlier = sum(pages for (pages,) in before)  # pages of that day, before this process
        self._refused = set[bytes]()  # keys of which the disk may hold what was refused
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        with self._lock:
            with suppress(OutboxError):
                if self._database.pages_written:
                    with self._written():
                        pass  # which counts what was written last
            self._database.close()

    def put(self, request: pb.InferRequest, note: Note) -> str:
        """Keep a request under a key that it gets; its id, once it is on disk. Raises OutboxError where it is
        not kept: there is no room, too much was written today, or the disk fails.
        """
        key = int(self._wall() * 1000).to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(
            IDEMPOTENCY_KEY_BYTES - _TIME_BYTES
        )
        request.id, request.idempotency_key = key.hex(), key
        data, words = request.SerializeToString(), msgspec.json.encode(note)
        with self._lock:
            try:
                self._check(len(data) + len(words))
                with self._written() as connection:
                    self._refused.add(key)
                    values = (key, note.due, request.bundle.hex(), words, data)
                    connection.execute("INSERT INTO waiting VALUES (?, ?, ?, ?, ?)", values)
            except OutboxError:
                self.counts["refused"] += 1
                raise
            self._refused.discard(key)
            self.counts["kept"] += 1
        return key.hex()

    def next(self, bundles: Collection[str] = (), keys: Collection[bytes] = ()) -> Entry | None:
        """The request that is due first, but for these. Raises OutboxError."""
        query = (
            "SELECT key, bundle, note, request FROM waiting WHERE key = (SELECT key FROM waiting "
            "WHERE bundle NOT IN (SELECT value FROM json_each(?)) "
            "AND hex(key) NOT IN (SELECT value FROM json_each(?)) ORDER BY due LIMIT 1)"
        )
        skipped = json.dumps([*bundles]), json.dumps([key.hex().upper() for key in keys])
        with self._lock:
            for key, bundle, note, request in self._database.rows(query, skipped):
                return Entry(key, bundle, _note(note), request)
        return None

    def settle(self, outcome: Outcome) -> bool:
        """Put an outcome in the place of its request; False where it was settled before, and stays as it was.
        Raises OutboxError.
        """
        now = self._wall()
        with self._lock:
            with self._written() as connection:
                if not connection.execute("DELETE FROM waiting WHERE key = ?", (outcome.key,)).rowcount:
                    return False
                _insert(connection, outcome, now)
                connection.execute(_FORGET_OLD, (now - self._age, _AT_ONCE))
            self.counts[DROPPED if outcome.dropped else ANSWERED] += 1
        return True

    def drop_due(self) -> int:
        """Drop requests that nobody waits for any more; how many, of at most 64 at a time. Raises
        OutboxError.
        """
        now = self._wall()
        query = "SELECT key, note, length(request) FROM waiting WHERE due <= ? ORDER BY due LIMIT ?"
        with self._lock:
            found = self._database.rows(query, (now, _AT_ONCE))
            if not found:
                return 0
            with self._written() as connection:
                for key, words, size in found:
                    connection.execute("DELETE FROM waiting WHERE key = ?", (key,))
                    note = _note(words)
                    outcome = Outcome(
                        key, note, dropped="it was not answered before it was due", request_bytes=size
                    )
                    _insert(connection, outcome, now)
            self.counts[DROPPED] += len(found)
        return len(found)

    def untold(self) -> list[Outcome]:
        """Outcomes that nobody was told of, the oldest first, some at a time. Raises OutboxError."""
        query = _OUTCOMES + "WHERE told = 0 ORDER BY at LIMIT ?"
        with self._lock:
            return [_outcome(row) for row in self._database.rows(query, (_AT_ONCE,))]

    def tell(self, key: bytes) -> None:
        """Remember that an outcome was told. Raises OutboxError."""
        with self._lock, self._written() as connection:
            connection.execute("UPDATE settled SET told = 1 WHERE key = ?", (key,))

    def answer(self, identity: str) -> DeferredState:
        """How far a deferred question is. Raises RequestError for one that is not known, or no more, and
        OutboxError.
        """
        key = _key(identity)
        with self._lock:
            for (due,) in self._database.rows("SELECT due FROM waiting WHERE key = ?", (key,)):
                return DeferredState(identity, WAITING, due)
            for outcome in map(_outcome, self._database.rows(_OUTCOMES + "WHERE key = ?", (key,))):
                state = DROPPED if outcome.dropped else ANSWERED
                return DeferredState(identity, state, outcome.note.due, outcome)
        raise _unknown(identity)

    def tidy(self) -> None:
        """Forget old answers, empty the log, and give free pages back to the disk. Raises OutboxError."""
        old = self._wall() - self._age
        with self._lock:
            if self._database.rows("SELECT key FROM settled WHERE told IN (1, 2) AND at < ? LIMIT 1", (old,)):
                with self._written() as connection:
                    connection.execute(_FORGET_OLD, (old, _AT_ONCE))
            if self._database.wal_bytes:
                self._database.checkpoint()

    def backlog(self) -> OutboxBacklog:
        """How much waits, and for how long. Raises OutboxError."""
        with self._lock:
            ((waiting, first),) = self._database.rows("SELECT count(*), min(key) FROM waiting")
        now = self._wall()
        kept = int.from_bytes(first[:_TIME_BYTES], "big") / 1000 if first else now
        return OutboxBacklog(waiting, max(now - kept, 0.0), self.bytes)

    @property
    def age(self) -> Milliseconds:
        """How long a question may wait, and its answer be fetched."""
        return Milliseconds(1000 * self._age)

    @property
    def bytes(self) -> int:
        """On disk, all in all."""
        return self._database.bytes

    @property
    def pages_today(self) -> int:
        """Written since midnight (UTC), those that emptying the log wrote included."""
        return self._earlier + self._database.pages_written if self._day == self._today() else 0

    def _check(self, size: int) -> None:
        """Raises OutboxError for an entry that is not kept."""
        if no_room(size, self._database.used_pages, self._limits):
            with self._written() as connection:
                connection.execute(_FORGET_TOLD, (_AT_ONCE,))
        reason = no_room(size, self._database.used_pages, self._limits)
        reason = reason or worn(size, self.pages_today, self._limits)
        if reason:
            raise OutboxError(f"the outbox keeps nothing more: {reason}; allow more, or ask again later")

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """A transaction, which also counts what was written before it, and removes what was refused."""
        if self._day != self._today():
            self._day, self._earlier = self._today(), -self._database.pages_written
        refused = tuple(self._refused)
        with self._database.transaction() as connection:
            for key in refused:
                connection.execute("DELETE FROM waiting WHERE key = ?", (key,))
            connection.execute("DELETE FROM written WHERE day <> ?", (self._day,))
            connection.execute("INSERT OR REPLACE INTO written VALUES (?, ?)", (self._day, self.pages_today))
            yield connection
        self._refused.difference_update(refused)

    def _today(self) -> int:
        return int(self._wall() // _DAY_SECONDS)


def _insert(connection: sqlite3.Connection, outcome: Outcome, now: float) -> None:
    told = _UNTOLD if outcome.note.subject.source else _FETCHED
    note = msgspec.json.encode(outcome.note)
    values = (
        outcome.key,
        now,
        told,
        note,
        outcome.text,
        outcome.done,
        outcome.dropped,
        outcome.request_bytes,
    )
    connection.execute("INSERT INTO settled VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def _outcome(row: Any) -> Outcome:
    key, note, text, done, dropped, request_bytes = row
    return Outcome(key, _note(note), text, done, dropped, request_bytes)


def _note(words: bytes) -> Note:
    return msgspec.json.decode(words, type=Note)


def _key(identity: str) -> bytes:
    try:
        return bytes.fromhex(identity)
    except ValueError:
        raise _unknown(identity) from None


def _unknown(identity: str) -> RequestError:
    return RequestError(
        f"no deferred question has the id {identity[:64]!r}, or none has any more; answers are kept for "
        "outbox.age"
    )
