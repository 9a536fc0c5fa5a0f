"""What devices told, summed up."""

import math

import pytest

from cloud.fleet.rollout.summary import Span
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Leadership
from cloud.fleet.storage.tables import HOURS
from cloud.fleet.storage.telemetry import HOUR, KEEP_HOURS, prune, row_of, self_test_row, summaries
from protos import fleet_pb2 as pb
from protos.errors import PayloadError
from tests.cloud.fleet.telling import arrived, intake_of, window

START = 1000 * HOUR


def told(database: Database, leader: Leadership, hours: int = 1) -> None:
    """A window a minute."""
    intake = intake_of(database, leader)
    minutes = range(60 * hours)
    intake.take([arrived("d1", window(minute + 1, failed=1), START + 60 * minute) for minute in minutes])


def test_a_span_is_summed_up_from_its_whole_buckets(database: Database, leader: Leadership) -> None:
    told(database, leader)
    span = Span("d1", START + 30.0, START + HOUR)  # the first bucket is not whole
    with database.reading() as connection:
        found = summaries(connection, [span, Span("d2", START, START + HOUR)])
    assert (found[span].windows, found[span].answers, found[span].failed) == (50, 1000, 50)
    assert math.exp(found[span].level / found[span].timed) == pytest.approx(300 * 1.18, rel=0.03)
    assert found[Span("d2", START, START + HOUR)].windows == 0


def test_hours_take_the_place_of_what_is_old_and_are_forgotten_in_their_turn(
    database: Database, leader: Leadership
) -> None:
    told(database, leader, hours=7)
    prune(database, START + 8 * HOUR)
    span = Span("d1", START, START + 7 * HOUR)
    with database.reading() as connection:
        by_hours = summaries(connection, [span])[span]
    assert by_hours.windows == 420
    assert by_hours.level / by_hours.timed == pytest.approx(math.log(300 * 1.18), rel=0.03)
    prune(database, START + KEEP_HOURS + 8 * HOUR)
    with database.reading() as connection:
        assert not connection.execute(HOURS.select()).all()
        assert summaries(connection, [span])[span].windows == 0


def test_only_answers_with_a_meter_count_for_energy() -> None:
    without = row_of("d1", 0.0, window(1))
    metered = window(1)
    metered.energy_source, metered.arms[0].joules = "ina3221", 40.0
    row = row_of("d1", 0.0, metered)
    assert (without["metered"], row["metered"], row["joules"]) == (0, 20, 40.0)


def test_a_self_test_counts_the_answers_of_all_routes() -> None:
    routes = [
        pb.RouteAccuracy(route="split", pictures=60, right=45, failed=10),
        pb.RouteAccuracy(route="local", pictures=50),
    ]
    assert self_test_row("d1", 0.0, routes)["right"] == 45
    assert self_test_row("d1", 0.0, routes)["tested"] == 100


def test_a_sketch_that_is_none_is_refused() -> None:
    wrong = window(1)
    wrong.arms[0].milliseconds.sum = -1
    with pytest.raises(PayloadError):
        row_of("d1", 0.0, wrong)
