"""What classes of devices told, minute by minute, for a day: few rows, however large the fleet."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import floor

import sqlalchemy as sa

from cloud.fleet.storage.database import Database
from cloud.fleet.storage.tables import MINUTES
from cloud.fleet.storage.telemetry import Row, added

OTHER = "other"
_SECONDS = 60.0
_MAX_KINDS = 30  # by name; all others are one: what a device calls itself is its own word
_KEEP = 24 * 3600.0 + 600.0


class ClassMinutes:
    """Adds to them. Used from one thread at a time."""

    def __init__(self, bucket: float) -> None:
        self.length = min(_SECONDS, bucket)
        self._kinds: set[str] | None = None

    def add(
        self, database: Database, connection: sa.Connection, told: Iterable[tuple[float, str, Row]]
    ) -> None:
        """Sums of windows, each with when it came and its device's class, within a transaction."""
        groups: defaultdict[tuple[str, float], list[Row]] = defaultdict(list)
        for at, kind, row in told:
            groups[self._named(connection, kind), floor(at / self.length) * self.length].append(row)
        before = _kept(connection, {start for _, start in groups})
        rows = []
        for (kind, start), found in groups.items():
            earlier = [before[kind, start]] if (kind, start) in before else []
            rows.append({**added(*earlier, *found), "kind": kind, "start": start})
        if rows:
            database.upsert(connection, MINUTES, [_only(row) for row in rows])

    def _named(self, connection: sa.Connection, kind: str) -> str:
        if self._kinds is None:
            self._kinds = set(connection.scalars(sa.select(MINUTES.c.kind).distinct()))
        if kind not in self._kinds and len(self._kinds) >= _MAX_KINDS:
            return OTHER
        self._kinds.add(kind)
        return kind


def minutes_since(connection: sa.Connection, start: float) -> Sequence[Row]:
    """In order of time."""
    asked = sa.select(MINUTES).where(MINUTES.c.start >= start).order_by(MINUTES.c.start)
    return [dict(row) for row in connection.execute(asked).mappings()]


def first_minute(connection: sa.Connection) -> float | None:
    """When the first one begins that is kept."""
    found: float | None = connection.scalar(sa.select(sa.func.min(MINUTES.c.start)))
    return found


def forget_minutes(connection: sa.Connection, now: float) -> None:
    connection.execute(MINUTES.delete().where(MINUTES.c.start < now - _KEEP))


def _kept(connection: sa.Connection, starts: Iterable[float]) -> dict[tuple[str, float], Row]:
    rows = connection.execute(sa.select(MINUTES).where(MINUTES.c.start.in_(list(starts)))).mappings()
    return {(row["kind"], row["start"]): dict(row) for row in rows}


def _only(row: Row) -> Row:
    return {column.name: row[column.name] for column in MINUTES.c}
