"""Who of several controllers leads: a row of the database that is renewed, with a number that only grows."""

from typing import NamedTuple

import sqlalchemy as sa

from cloud.fleet.storage.database import Database
from cloud.fleet.storage.tables import LEASE
from protos.errors import CloudError

LEASE_SECONDS, RENEW_SECONDS = 6.0, 1.5  # after the first another controller takes over
_NAME = "leader"


class Lease(NamedTuple):
    """Held until `expires`. `token`: greater with every holder, so that who was deposed writes no more."""

    holder: str
    token: int
    expires: float


class Deposed(CloudError):
    """Another controller leads; what was to be written is not."""


def next_lease(held: Lease, me: str, now: float) -> Lease:
    """Who leads from now on: who holds the lease until it has run out, then whoever asks."""
    if held.holder == me:
        token = held.token if now <= held.expires else held.token + 1
        return Lease(me, token, now + LEASE_SECONDS)
    if now <= held.expires:
        return held
    return Lease(me, held.token + 1, now + LEASE_SECONDS)


class Leadership:
    """A controller's claim to lead."""

    def __init__(self, database: Database, me: str) -> None:
        self._database, self.me = database, me
        self.token = 0  # while it leads

    def claim(self) -> bool:
        """Take or renew the lease; whether this controller leads. Raises CloudError."""
        with self._database.writing() as connection:
            held = _held(connection) or self._first(connection)
            now = self._database.now(connection)
            lease = next_lease(held, self.me, now)
            if lease != held:
                self._database.upsert(connection, LEASE, [{"name": _NAME, **lease._asdict()}])
        self.token = lease.token if lease.holder == self.me else 0
        return bool(self.token)

    def _first(self, connection: sa.Connection) -> Lease:
        """A new database's row, which of several controllers one writes."""
        insert = self._database.insert(LEASE).values(name=_NAME, holder="", token=0, expires=0.0)
        connection.execute(insert.on_conflict_do_nothing())
        held = _held(connection)
        assert held
        return held

    def release(self) -> None:
        """Another may lead at once."""
        with self._database.writing() as connection:
            held = sa.and_(LEASE.c.holder == self.me, LEASE.c.token == self.token)
            connection.execute(LEASE.update().where(held).values(expires=0.0))
        self.token = 0

    def check(self, connection: sa.Connection) -> None:
        """Within a transaction that only the leader may make. Raises Deposed."""
        held = _held(connection)
        if not self.token or held is None or (held.holder, held.token) != (self.me, self.token):
            raise Deposed("another controller leads the fleet; this one waits")


def _held(connection: sa.Connection) -> Lease | None:
    """Locked where the database locks rows."""
    columns = LEASE.c.holder, LEASE.c.token, LEASE.c.expires
    row = connection.execute(sa.select(*columns).where(LEASE.c.name == _NAME).with_for_update()).first()
    return Lease(*row) if row else None
