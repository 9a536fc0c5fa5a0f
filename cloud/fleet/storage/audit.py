"""Who changed what, when and why."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.fleet.storage.tables import AUDIT

_MAX_DETAILS = 2000


class Who(NamedTuple):
    """Who changes something, and why."""

    name: str
    why: str = ""


CONTROLLER = Who("controller")


def record(connection: sa.Connection, who: Who, what: str, thing: str, details: str = "") -> None:
    """In the transaction of the change itself."""
    record_all(connection, who, what, {thing: details})


def record_all(connection: sa.Connection, who: Who, what: str, things: Mapping[str, str]) -> None:
    """The same of many things, each with its details."""
    common = {"at": time.time(), "who": who.name, "what": what, "why": who.why[:_MAX_DETAILS]}
    rows = [
        {**common, "object": thing[:128], "details": details[:_MAX_DETAILS]}
        for thing, details in things.items()
    ]
    if rows:
        connection.execute(AUDIT.insert(), rows)


def records(
    connection: sa.Connection, thing: str, limit: int, before: int | None = None
) -> list[dict[str, Any]]:
    """The last ones, of one thing or of all (empty); older than the one of a number."""
    asked = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
    if before is not None:
        asked = asked.where(AUDIT.c.id < before)
    rows = connection.execute(asked.where(AUDIT.c.object == thing) if thing else asked)
    return [dict(row) for row in rows.mappings()]
