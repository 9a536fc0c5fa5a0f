"""What devices tell, written."""

import msgspec
import pytest

from cloud.fleet.broker.reading import Arrived
from cloud.fleet.rollout.summary import Span
from cloud.fleet.storage import desired, devices, telemetry
from cloud.fleet.storage.audit import Who
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Deposed, Leadership
from cloud.fleet.storage.tables import BUCKETS
from protos import fleet_pb2 as pb
from tests.cloud.fleet.telling import FLEET, arrived, birth, intake_of, known_devices, will, window


def device(database: Database, name: str = "d1") -> devices.DeviceView:
    with database.reading() as connection:
        return devices.shown(connection, name)


def windows(database: Database) -> int:
    with database.reading() as connection:
        return sum(row["windows"] for row in connection.execute(BUCKETS.select()).mappings())


def test_a_birth_and_a_will(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    intake.take([arrived("d1", birth())])
    assert device(database).brief["connection"] == "online"
    assert device(database).brief["kind"] == "Orin Nano"
    intake.take([arrived("d1", will())])
    assert device(database).brief["connection"] == "offline"


def test_a_will_that_comes_behind_a_later_birth_means_nothing(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    intake.take([arrived("d1", birth(session=2)), arrived("d1", will(session=1))])
    assert device(database).brief["connection"] == "online"
    assert intake.counts["stale"] == 1


def test_two_devices_of_one_name_are_said_to_be_and_do_not_come_and_go(
    database: Database, leader: Leadership, caplog: pytest.LogCaptureFixture
) -> None:
    intake = intake_of(database, leader)
    connections = set()
    for session, instance in enumerate("ababab", 1):
        intake.take([arrived("d1", birth(session, instance=instance), 100.0 + session)])
        if session > 2:
            connections.add(device(database).brief["connection"])
        intake.take([arrived("d1", will(session), 100.5 + session)])
    assert connections == {device(database).brief["connection"]} == {"disputed"}
    assert caplog.text.count("two devices are called d1") == 1
    intake.take([arrived("d1", birth(7, instance="b"), 1000.0)])
    assert device(database).brief["connection"] == "online", "for long only one has been heard of"


def test_a_device_that_starts_again_and_again_is_one(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    births = [arrived("d1", birth(session, instance=str(session // 2)), session) for session in range(1, 9)]
    for _ in range(2):  # the second time because the first could not be written
        intake.take(births)
    assert intake.counts["disputed"] == 0


def test_of_two_devices_of_one_name_one_may_have_a_clock_that_is_years_ahead(
    database: Database, leader: Leadership
) -> None:
    intake = intake_of(database, leader)
    told = [(10, "a"), (9_999_999, "b"), (11, "a")]
    intake.take(
        [arrived("d1", birth(session, instance=one), at) for at, (session, one) in enumerate(told, 1)]
    )
    assert device(database).brief["connection"] == "disputed"


def test_a_window_counts_when_it_comes_whatever_the_devices_clock_says(
    database: Database, leader: Leadership
) -> None:
    intake = known_devices(database, leader, ["d1"])
    for sequence, seconds in enumerate((0, 4_000_000_000), 1):  # 1970, 2096
        told = window(sequence)
        told.start.FromSeconds(seconds)
        intake.take([arrived("d1", told, 6000.0 + sequence)])
    span = Span("d1", 6000.0, 6600.0)
    with database.reading() as connection:
        assert telemetry.summaries(connection, [span])[span].windows == 2


def test_a_window_that_is_told_twice_counts_once(database: Database, leader: Leadership) -> None:
    intake = known_devices(database, leader, ["d1"])
    intake.take([arrived("d1", window(1)), arrived("d1", window(1))])
    intake.take([arrived("d1", window(1)), arrived("d1", window(2))])
    assert windows(database) == 2
    assert intake.counts["repeated"] == 2


def test_windows_that_waited_for_the_broker_count_behind_the_birth_that_came_first(
    database: Database, leader: Leadership
) -> None:
    intake = intake_of(database, leader)
    intake.take([arrived("d1", birth(session=1)), arrived("d1", window(1, session=1))])
    intake.take([arrived("d1", birth(session=2))])
    waited = [arrived("d1", window(sequence, session=1)) for sequence in (2, 3)]
    intake.take([*waited, arrived("d1", window(4, session=2)), *waited])
    assert intake.counts["telemetry"] == 6
    assert intake.counts["repeated"] == 2
    assert "stale" not in intake.counts


def test_another_leader_goes_on_in_the_same_bucket(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"]).take([arrived("d1", window(1), 1000.0)])
    intake_of(database, leader).take([arrived("d1", window(2), 1010.0)])
    assert windows(database) == 2


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"session":"99999999999999999999"}',
        b'{"session":"18446744073709551615"}',
        b"x" * (1 << 20),
    ],
)
def test_what_is_no_message_is_counted_and_harms_nobody(sqlite: Database, payload: bytes) -> None:
    leadership = Leadership(sqlite, "me")
    leadership.claim()
    intake = intake_of(sqlite, leadership)
    intake.take([Arrived(1.0, f"isthmus/v1/{FLEET}/d1/state", payload), arrived("d2", birth())])
    assert intake.counts == {"malformed": 1, "state": 1}


@pytest.mark.parametrize("machine", [r"a\u0000b", r"\ud800"])
def test_a_name_that_no_database_keeps_harms_nobody(
    database: Database, leader: Leadership, machine: str
) -> None:
    intake = intake_of(database, leader)
    payload = b'{"connection":"ONLINE","session":"1","device":{"machine":"%s"}}' % machine.encode()
    intake.take([Arrived(1.0, f"isthmus/v1/{FLEET}/d1/state", payload), arrived("d2", birth())])
    assert device(database, "d2").brief["connection"] == "online"
    assert intake.counts["malformed"] == 1


def test_what_cannot_be_written_is_let_go_alone(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leadership = Leadership(sqlite, "me")
    leadership.claim()
    intake = intake_of(sqlite, leadership)
    intake.take([arrived("d1", birth())])
    with monkeypatch.context() as patch:
        patch.setattr(telemetry, "row_of", lambda *_: {"device": "d1"})  # a row that no table takes
        intake.take([arrived("d2", birth()), arrived("d1", window(1)), arrived("d3", birth())])
    assert intake.counts["unwritable"] == 1
    assert {device(sqlite, name).brief["connection"] for name in ("d1", "d2", "d3")} == {"online"}


def test_a_sketch_that_is_none_loses_its_window_alone(database: Database, leader: Leadership) -> None:
    intake = known_devices(database, leader, ["d1", "d2"])
    wrong = window(1)
    wrong.arms[0].milliseconds.sum = -1
    intake.take([arrived("d1", wrong), arrived("d2", window(1))])
    assert windows(database) == 1
    assert intake.counts["malformed"] == 1


def test_a_topic_of_another_fleet_is_let_go(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    intake.take([Arrived(1.0, "isthmus/v1/globex/d1/state", b"{}")])
    assert intake.counts == {"malformed": 1}


def test_a_refusal_is_shown_with_its_reason(database: Database, leader: Leadership) -> None:
    intake = known_devices(database, leader, ["d1"])
    refusal = pb.Refusal(
        version=1, reason=pb.Refusal.IMPOSSIBLE, field="settings.cuts.pinned", text="no such cut"
    )
    intake.take([arrived("d1", pb.Reported(session=1, highest_version=1, refused=refusal))])
    assert device(database).refused == "impossible settings.cuts.pinned: no such cut"


def test_a_replayed_report_changes_nothing(database: Database, leader: Leadership) -> None:
    intake = known_devices(database, leader, ["d1"])
    intake.take([arrived("d1", pb.Reported(session=1, version=5, highest_version=5))])
    intake.take([arrived("d1", pb.Reported(session=1, version=4, highest_version=4))])
    assert msgspec.json.decode(device(database).reported)["version"] == "5"


def test_a_device_that_was_given_greater_versions_is_told_the_same_with_a_greater_one(
    database: Database, leader: Leadership
) -> None:
    intake = known_devices(database, leader, ["d1"])
    pinned = pb.FleetSettings(cuts=pb.Cuts(pinned="vision.4"))
    desired.change(database, ["d1"], pinned, Who("anna"))
    refusal = pb.Refusal(version=1, reason=pb.Refusal.STALE)
    intake.take([arrived("d1", pb.Reported(session=1, version=9, highest_version=9, refused=refusal))])
    assert (device(database).desired_version, device(database).desired) == (
        10,
        '{"cuts":{"pinned":"vision.4"}}',
    )


def test_who_leads_no_more_writes_nothing(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    leader.release()
    with pytest.raises(Deposed):
        intake.take([arrived("d1", birth())])
