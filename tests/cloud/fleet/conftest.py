"""Databases, a broker, and devices that are not there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.rig.ports import free_port
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Leadership
from tests.cloud.fleet.postgres import Postgres, postgres_server
from tests.edge.agent.events.sinks.broker import MOSQUITTO, mosquitto

FLEET = "acme"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL of this machine; without one a test is skipped."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fleet.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create("test")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url, FLEET)
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """Where the kind of database is of no matter."""
    made = Database(str(tmp_path / "fleet.db"), FLEET)
    yield made
    made.close()


@pytest.fixture
def leader(database: Database) -> Leadership:
    leadership = Leadership(database, "me")
    assert leadership.claim()
    return leadership


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """The port of a real mosquitto."""
    if not shutil.which(MOSQUITTO):
        pytest.skip("no mosquitto here")
    port = free_port()
    with mosquitto(tmp_path, port):
        yield port
