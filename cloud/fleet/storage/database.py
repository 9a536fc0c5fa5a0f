"""The database: SQLite in a file, or PostgreSQL."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import (
    TimeoutError as NoConnectionError,
)

from cloud.fleet.storage.tables import FLEET, METADATA
from protos.errors import CloudError, IsthmusError, RequestError

_BUSY_SECONDS = 10
_AWAY = (OperationalError, InterfaceError, NoConnectionError)  # or full, or locked; all others are bugs


class Database:
    """Transactions. Its methods block, so that an event loop calls them in a thread. Raises RequestError for
    an address that is none, and for a database of another fleet; CloudError where it is away, now and later.
    """

    def __init__(self, url: str, fleet: str) -> None:
        self._engine = _engine(url)
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        try:
            with self._reached():
                METADATA.create_all(self._engine)
            self._claim(fleet)
        except IsthmusError:
            self.close()
            raise

    def _claim(self, fleet: str) -> None:
        try:
            with self.writing() as connection:
                names = list(connection.scalars(sa.select(FLEET.c.name)))
                if not names:
                    connection.execute(FLEET.insert().values(name=fleet))
        except IntegrityError:
            names = [fleet]  # another controller was as quick
        if names and names != [fleet]:
            raise RequestError(
                f"the database is of the fleet {names[0]!r}, not of {fleet!r}; give another --database"
            )

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Raises CloudError where the database is away."""
        with self._reached(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction, all of it or nothing. Raises CloudError where the database is away."""
        with self._reached(), self._engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def now(self, connection: sa.Connection) -> float:
        """By the database's clock, where controllers on several machines share it."""
        if self.is_sqlite:
            return time.time()
        return float(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """Which knows what to do where there is such a row."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, which all have the same columns, or replace these where there is such a row."""
        keys = [column.name for column in table.primary_key]
        made = self.insert(table)
        others = {name: made.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(made.on_conflict_do_update(index_elements=keys, set_=others), list(rows))

    def add_up(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or add their numbers to those of such a row. No two rows have the same key."""
        keys = [column.name for column in table.primary_key]
        made = self.insert(table)
        added = {name: table.c[name] + made.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(made.on_conflict_do_update(index_elements=keys, set_=added), list(rows))

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except _AWAY as error:
            words = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
            raise CloudError(f"the fleet's database does not answer ({words}); it is tried again") from error


def _engine(url: str) -> sa.Engine:
    try:
        address = sa.make_url(url if "://" in url else f"sqlite:///{url}")
        if address.drivername in {"postgresql", "postgres"}:
            address = address.set(drivername="postgresql+psycopg")
        if address.drivername not in {"sqlite", "postgresql+psycopg"}:
            raise ArgumentError(address.drivername)
        engine = sa.create_engine(address, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise RequestError(
            "--database is neither a file nor postgresql://USER@HOST/NAME; give one of these"
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Transactions are begun by hand: Python's module begins them late."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={1000 * _BUSY_SECONDS}"):
        connection.execute(f"PRAGMA {pragma}")
