"""What the console draws from: bounded, whatever devices and rollouts do."""

from itertools import pairwise

import pytest

from cloud.fleet.rollout.advance import begin
from cloud.fleet.rollout.plan import Member, RolloutPlan
from cloud.fleet.rollout.state import Wager, evidence_key
from cloud.fleet.storage import history, minutes
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.latest import window_of
from cloud.fleet.storage.lease import Leadership
from tests.cloud.fleet.telling import arrived, birth, intake_of, window

PLAN = RolloutPlan(cohort=(Member("d1", "Orin"), Member("d2", "Orin")))


def test_a_rollouts_history_is_kept_where_something_is_new_and_thins_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_MAX_MOMENTS", 8)
    states = [begin(0.0)]
    for blocks in range(1, 30):
        evidence = {evidence_key("p95", "", 0, 0): Wager(blocks=blocks, harm=(0.1 * blocks,), health=(0.0,))}
        states.append(type(states[0])(evidence=evidence))
    with database.writing() as connection:
        for before, state in pairwise(states):
            history.keep_moment(connection, "r1", PLAN, before, state)
            history.keep_moment(connection, "r1", PLAN, state, state)  # nothing new
        found = history.history(connection, "r1")
    assert len(found) <= 8
    blocks_seen = [one.guards[0].blocks for one in found]
    assert blocks_seen == sorted(blocks_seen)
    assert (blocks_seen[0], blocks_seen[-1]) == (1, 29), "the first and the last are kept"


def test_what_devices_call_themselves_makes_no_end_of_classes(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    for number in range(40):
        intake.take([arrived(f"d{number}", birth(machine=f"class {number}"))])
        intake.take([arrived(f"d{number}", window(1))])
    with database.reading() as connection:
        rows = minutes.minutes_since(connection, 0.0)
    assert {row["kind"] for row in rows} > {minutes.OTHER}
    assert len({row["kind"] for row in rows}) == 31
    assert sum(row["answers"] for row in rows) == 800


def test_the_last_window_of_a_device_is_kept_whole(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    intake.take([arrived("d1", birth()), arrived("d1", window(1)), arrived("d1", window(2, failed=3))])
    with database.reading() as connection:
        kept = window_of(connection, "d1")
        assert window_of(connection, "d2") is None
    assert kept
    assert kept[1].sequence == 2
