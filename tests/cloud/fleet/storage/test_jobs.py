"""Jobs."""

import time

import pytest

from cloud.fleet.storage import jobs
from cloud.fleet.storage.audit import Who
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import Leadership
from protos import fleet_pb2 as pb
from protos.errors import Conflict, RequestError
from protos.fleet.messages import from_json
from tests.cloud.fleet.telling import arrived, birth, known_devices

ANNA = Who("anna", "after the move")
TEST = pb.Job(self_test=pb.SelfTest())


def started(database: Database) -> str:
    return jobs.create(database, ["d1"], TEST, 3600, ANNA)["d1"]


def waiting(database: Database) -> list[tuple[str, str, bytes]]:
    with database.reading() as connection:
        return jobs.to_tell(connection, time.time(), 10)


def test_a_job_is_told_and_told_again_at_birth_until_its_end(database: Database, leader: Leadership) -> None:
    intake = known_devices(database, leader, ["d1"])
    job = started(database)
    ((name, device, text),) = waiting(database)
    assert (name, device, from_json(pb.Job, text).WhichOneof("task")) == (job, "d1", "self_test")
    with database.writing() as connection:
        jobs.mark_told(connection, [job], time.time())
    assert not waiting(database)
    intake.take([arrived("d1", birth(session=2))])
    assert waiting(database)
    ended = pb.JobStatus(id=job, session=2, state=pb.JobStatus.SUCCEEDED)
    intake.take([arrived("d1", ended, job=job)])
    intake.take([arrived("d1", birth(session=3))])
    assert not waiting(database)


def test_an_end_stays_and_a_status_of_another_device_counts_for_nothing(
    database: Database, leader: Leadership
) -> None:
    intake = known_devices(database, leader, ["d1", "d2"])
    job = started(database)

    def state() -> str:
        with database.reading() as connection:
            return str(jobs.of_id(connection, job)["state"])

    def say(device: str, word: int) -> None:
        intake.take([arrived(device, pb.JobStatus(id=job, session=1, state=word), job=job)])  # type: ignore[arg-type]

    say("d2", pb.JobStatus.SUCCEEDED)
    assert state() == "waiting"
    say("d1", pb.JobStatus.FAILED)
    say("d1", pb.JobStatus.RUNNING)
    assert state() == "failed"
    with pytest.raises(Conflict, match="has ended"):
        jobs.cancel(database, job, ANNA)


def test_what_is_cancelled_is_told_so(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"])
    jobs.cancel(database, started(database), ANNA)
    ((_, _, text),) = waiting(database)
    assert from_json(pb.Job, text).cancel


def test_what_no_device_began_in_time_is_over(database: Database, leader: Leadership) -> None:
    known_devices(database, leader, ["d1"])
    job = started(database)
    with database.writing() as connection:
        jobs.expire(connection, time.time() + 3601)
        assert jobs.of_id(connection, job)["state"] == "rejected"


def test_a_job_without_a_task_is_refused(sqlite: Database) -> None:
    with pytest.raises(RequestError, match="no task"):
        jobs.create(sqlite, ["d1"], pb.Job(), 3600, ANNA)
