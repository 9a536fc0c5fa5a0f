"""Links, stages and arms, summed up by hours, in each kind of database."""

import pytest

from cloud.fleet.storage import telemetry
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Leadership
from cloud.fleet.storage.observations import ArmSums, ObservedSums, arm_sums, device_records, observed_sums
from cloud.fleet.storage.tables import ARM_SUMS, OBSERVED_SUMS
from protos import fleet_pb2 as pb
from protos.fleet.arms import ToldArm
from tests.cloud.fleet.telling import arrived, intake_of
from tests.cloud.fleet.tuning.generated import Machine
from tests.cloud.fleet.tuning.telemetry import messages

HOUR = 3600.0
START = 1_000 * HOUR
SPLIT = ToldArm("split", "connector", "int8-zstd")


def of_arm(row: ArmSums) -> dict[str, float]:
    return dict(zip(ARM_SUMS, row.sums, strict=True))


def of_device(row: ObservedSums) -> dict[str, float]:
    return dict(zip(OBSERVED_SUMS, row.sums, strict=True))


def test_windows_of_an_hour_add_up_over_batches(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    told = messages(Machine("d1", uplink=2.0), [START + 60, START + 600, START + HOUR])
    for one in told:
        intake.take([one])
    intake.take(told[-1:])  # told twice
    with database.reading() as connection:
        sums = observed_sums(connection, START, START + 2 * HOUR)
        arms = arm_sums(connection, START, START + 2 * HOUR)
        (record,) = device_records(connection)
    assert {(row.device, row.half): of_device(row)["windows"] for row in sums} == {("d1", 0): 2, ("d1", 1): 1}
    even = next(of_arm(row) for row in arms if row.half == 0)
    assert {row.arm for row in arms} == {SPLIT}
    assert (even["count"], even["bytes_up"], even["timed"]) == (40, 40 * 1_092, 40)
    assert even["milliseconds"] / even["count"] == pytest.approx(177, rel=0.05)
    assert (record.name, record.kind, record.bundle) == ("d1", "Orin", "a" * 64)
    link = next(of_device(row) for row in sums if row.half == 0)
    assert link["log_rate"] / link["links"] == pytest.approx(14.5, rel=0.01)


def test_what_a_lying_device_names_and_claims_is_bounded(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    for sequence in range(1, 6):
        told = pb.Telemetry(session=1, sequence=sequence, temperature=-1e300)
        for index in range(40):
            told.arms.add(
                route="split",
                cut=f"{sequence}-{index}",
                status="OK",
                count=1,
                bytes_up=(1 << 64) - 1,
                joules=1e300,
                milliseconds=pb.Sketch(sum=1e300),
            )
        told.links.add(uplink_bits_per_second=1e300, round_trip_milliseconds=-1)
        told.stages["head"].sum = 1e300
        intake.take([arrived("liar", told, START)])
    with database.reading() as connection:
        arms = arm_sums(connection, START, START + HOUR)
        ((_, _, _, sums),) = observed_sums(connection, START, START + HOUR)
    assert len(arms) == 65, "64 by name, and all others as one"
    assert max(of_arm(row)["milliseconds"] / of_arm(row)["count"] for row in arms) <= 3.6e6
    assert max(of_arm(row)["bytes_up"] / of_arm(row)["count"] for row in arms) <= 1 << 45
    told_sums = dict(zip(OBSERVED_SUMS, sums, strict=True))
    assert (told_sums["links"], told_sums["temperatures"]) == (0, 0)
    assert told_sums["stage_head"] <= 200 * 3.6e6


def test_what_is_older_than_two_days_is_forgotten(database: Database, leader: Leadership) -> None:
    intake = intake_of(database, leader)
    intake.take(messages(Machine("d1"), [START, START + 60 * HOUR]))
    telemetry.prune(database, START + 61 * HOUR)
    with database.reading() as connection:
        assert len(observed_sums(connection, 0, START + 61 * HOUR)) == 1
        assert len(arm_sums(connection, 0, START + 61 * HOUR)) == 1
