"""SQLite and PostgreSQL."""

import pytest

from cloud.fleet.storage.database import Database
from protos.errors import CloudError, RequestError


def test_a_database_of_another_fleet_is_refused(database_url: str) -> None:
    Database(database_url, "acme").close()
    Database(database_url, "acme").close()
    with pytest.raises(RequestError, match="is of the fleet 'acme'"):
        Database(database_url, "globex")


@pytest.mark.parametrize("url", ["mysql://db/fleet", "://", "postgresql+asyncpg://db/fleet"])
def test_what_is_no_database_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match="--database"):
        Database(url, "acme")


def test_one_that_is_away_is_told() -> None:
    with pytest.raises(CloudError, match="does not answer"):
        Database("postgresql://nobody@127.0.0.1:1/fleet", "acme")
