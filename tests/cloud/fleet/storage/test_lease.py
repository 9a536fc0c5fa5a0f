"""One of several controllers leads."""

import pytest

from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import LEASE_SECONDS, Deposed, Leadership, Lease, next_lease

HELD = Lease("one", 4, 100.0)


def test_who_holds_the_lease_renews_it() -> None:
    assert next_lease(HELD, "one", 99.0) == Lease("one", 4, 99.0 + LEASE_SECONDS)


def test_another_waits_until_it_has_run_out_and_gets_a_greater_token() -> None:
    assert next_lease(HELD, "two", 99.0) == HELD
    assert next_lease(HELD, "two", 101.0) == Lease("two", 5, 101.0 + LEASE_SECONDS)


def test_who_comes_back_too_late_has_a_greater_token_too() -> None:
    assert next_lease(HELD, "one", 101.0).token == 5


def test_of_two_controllers_one_leads_and_the_other_follows_a_release(database: Database) -> None:
    one, two = Leadership(database, "one"), Leadership(database, "two")
    assert one.claim()
    assert not two.claim()
    one.release()
    assert two.claim()
    assert two.token == 2


def test_who_was_deposed_writes_no_more(database: Database) -> None:
    one, two = Leadership(database, "one"), Leadership(database, "two")
    one.claim()
    token = one.token
    one.release()
    two.claim()
    one.token = token  # it does not know yet
    with pytest.raises(Deposed), database.writing() as connection:
        one.check(connection)
    with database.writing() as connection:
        two.check(connection)
