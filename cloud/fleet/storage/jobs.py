"""What is to be done once on a device, and how far it is."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud.fleet.storage.audit import Who, record
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.devices import Selection, selected
from cloud.fleet.storage.tables import DEVICES, JOBS
from protos import fleet_pb2 as pb
from protos.errors import Conflict, RequestError, UnknownName
from protos.fleet.messages import from_json, to_json

WAITING = "waiting"
ENDS = ("succeeded", "failed", "timed_out", "cancelled", "rejected", "interrupted")
_TELL_AGAIN_SECONDS = 60.0
_TASKS = ("fetch", "profile", "self_test", "diagnose", "restart")


def create(
    database: Database, names: Sequence[str], job: pb.Job, expires_seconds: float, who: Who
) -> dict[str, str]:
    """One for each device; the ids by device. `job`: its task and timeout. Raises RequestError."""
    task = job.WhichOneof("task")
    if task is None:
        raise RequestError(f"the job has no task; give one of {', '.join(_TASKS)}")
    now, made = time.time(), {}
    with database.writing() as connection:
        selected(connection, Selection(devices=tuple(names)))
        for name in names:
            told = pb.Job()
            told.CopyFrom(job)
            told.id = made[name] = secrets.token_hex(8)
            told.expires.FromMilliseconds(int(1000 * (now + expires_seconds)))
            connection.execute(
                JOBS.insert().values(
                    id=told.id,
                    device=name,
                    message=to_json(told).decode(),
                    task=task,
                    created=now,
                    expires=now + expires_seconds,
                )
            )
            record(connection, who, f"job {task}", name, told.id)
    return made


def cancel(database: Database, job: str, who: Who) -> None:
    """Ask the device to. Raises UnknownName, and Conflict for a job that has ended."""
    with database.writing() as connection:
        found = of_id(connection, job)
        if found["state"] in ENDS:
            raise Conflict(f"the job {job} has ended: {found['state']}; there is nothing to cancel")
        connection.execute(JOBS.update().where(JOBS.c.id == job).values(cancelling=True, told=0.0))
        record(connection, who, "cancel job", found["device"], job)


def of_id(connection: sa.Connection, job: str) -> dict[str, Any]:
    """Raises UnknownName."""
    row = connection.execute(sa.select(JOBS).where(JOBS.c.id == job)).mappings().first()
    if row is None:
        raise UnknownName("job", job, [])
    return dict(row)


def listed(connection: sa.Connection, device: str, limit: int) -> list[dict[str, Any]]:
    """The newest ones, of a device or of all (empty)."""
    asked = sa.select(JOBS).order_by(JOBS.c.created.desc()).limit(limit)
    if device:
        asked = asked.where(JOBS.c.device == device)
    return [dict(row) for row in connection.execute(asked).mappings()]


def to_tell(connection: sa.Connection, now: float, limit: int) -> list[tuple[str, str, bytes]]:
    """Job, device and message of those whose end is not known, that were not told of lately, and whose device
    is there.
    """
    asked = (
        sa.select(JOBS.c.id, JOBS.c.device, JOBS.c.message, JOBS.c.cancelling)
        .join(DEVICES, DEVICES.c.name == JOBS.c.device)
        .where(JOBS.c.state.not_in(ENDS), JOBS.c.told < now - _TELL_AGAIN_SECONDS)
        .where(DEVICES.c.connection == "online")
        .limit(limit)
    )
    return [
        (job, device, to_json(pb.Job(id=job, cancel=True)) if cancelling else message.encode())
        for job, device, message, cancelling in connection.execute(asked)
    ]


def mark_told(connection: sa.Connection, jobs: Sequence[str], now: float) -> None:
    connection.execute(JOBS.update().where(JOBS.c.id.in_(jobs)).values(told=now))


def tell_again(connection: sa.Connection, devices: Sequence[str]) -> None:
    """At the birth of these devices."""
    pending = sa.and_(JOBS.c.device.in_(devices), JOBS.c.state.not_in(ENDS))
    connection.execute(JOBS.update().where(pending).values(told=0.0))


def take_status(connection: sa.Connection, device: str, status: pb.JobStatus, text: str) -> bool:
    """Whether this was news. A job that has ended stays so, and another device's is none of this one's."""
    state = pb.JobStatus.State.Name(status.state).lower()
    open_ = sa.and_(JOBS.c.id == status.id, JOBS.c.device == device, JOBS.c.state.not_in(ENDS))
    changed = connection.execute(JOBS.update().where(open_).values(state=state, status=text))
    return bool(changed.rowcount) and state in ENDS


def expire(connection: sa.Connection, now: float) -> None:
    """What no device has begun in time is over."""
    late = sa.and_(JOBS.c.state == WAITING, JOBS.c.expires < now)
    text = to_json(pb.JobStatus(reason="the device was not there in time")).decode()
    connection.execute(JOBS.update().where(late).values(state="rejected", status=text))


def job_of(text: bytes) -> pb.Job:
    """A job as an operator gives it. Raises RequestError."""
    return from_json(pb.Job, text)
