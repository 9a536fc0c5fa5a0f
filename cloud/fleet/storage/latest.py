"""The last window of each device, whole: what it does now."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.fleet.storage.tables import BUCKETS, DESIRED, DEVICES, LATEST
from cloud.fleet.storage.telemetry import Row
from protos import fleet_pb2 as pb

_MAX_WAY = 80  # of what a device says, where it is a column


class DeviceNow(NamedTuple):
    """A device as it is. `timed` and `level`: of its answers lately, as `Summary` has them; `rate`: answers a
    second of its last window, `told` at a time.
    """

    name: str
    kind: str
    connection: str
    since: float
    heard: float
    pinned: str
    refused: str
    taking_over: bool
    awaited: bool  # it does not report what is desired yet
    way: str
    told: float
    rate: float
    bytes: float  # a second
    metered: float
    joules: float
    answers: int  # of buckets lately
    failed: int
    timed: int
    level: float


def row_of(device: str, at: float, window: pb.Telemetry, sums: Row) -> Row:
    """A window as it is kept. `sums`: of the same one."""
    kept = {name: sums[name] for name in ("answers", "failed", "bytes", "metered", "joules")}
    return {
        "device": device,
        "at": at,
        "way": _way(window)[:_MAX_WAY],
        "milliseconds": window.milliseconds,
        "message": window.SerializeToString(),
        **kept,
    }


def window_of(connection: sa.Connection, device: str) -> tuple[float, pb.Telemetry] | None:
    """When a device told its last window, and what it said."""
    asked = sa.select(LATEST.c.at, LATEST.c.message).where(LATEST.c.device == device)
    row = connection.execute(asked).first()
    return (row.at, pb.Telemetry.FromString(row.message)) if row else None


def devices_now(connection: sa.Connection, since: float, names: Collection[str] = ()) -> list[DeviceNow]:
    """All devices, or some; buckets that begin then or later are what they did lately."""
    lately = sa.select(
        BUCKETS.c.device, *(sa.func.sum(BUCKETS.c[name]).label(name) for name in DeviceNow._fields[-4:])
    ).where(BUCKETS.c.start >= since)
    sums = lately.group_by(BUCKETS.c.device).subquery()
    columns: list[sa.ColumnElement[Any]] = [
        DEVICES.c[name] for name in ("name", "kind", "connection", "since", "heard")
    ]
    columns += [DEVICES.c.cut, DEVICES.c.refused, DEVICES.c.taking_over, DEVICES.c.reported_version]
    windows: list[sa.ColumnElement[Any]] = [LATEST.c[name] for name in ("way", "at", "milliseconds")]
    windows += [LATEST.c[name].label(f"now_{name}") for name in ("answers", "bytes", "metered", "joules")]
    asked = sa.select(*columns, DESIRED.c.version, *windows, *sums.c).select_from(
        DEVICES.outerjoin(DESIRED, DESIRED.c.device == DEVICES.c.name)
        .outerjoin(LATEST, LATEST.c.device == DEVICES.c.name)
        .outerjoin(sums, sums.c.device == DEVICES.c.name)
    )
    if names:
        asked = asked.where(DEVICES.c.name.in_(names))
    return [_device(row) for row in connection.execute(asked.order_by(DEVICES.c.name))]


def _device(row: Any) -> DeviceNow:
    seconds = (row.milliseconds or 0) / 1000 or 1.0
    return DeviceNow(
        name=row.name,
        kind=row.kind,
        connection=row.connection,
        since=row.since,
        heard=row.heard,
        pinned=row.cut,
        refused=row.refused,
        taking_over=row.taking_over,
        awaited=bool(row.version) and row.reported_version != row.version,
        way=row.way or "",
        told=row.at or 0.0,
        rate=(row.now_answers or 0) / seconds,
        bytes=(row.now_bytes or 0) / seconds,
        metered=(row.now_metered or 0) / seconds,
        joules=(row.now_joules or 0.0) / seconds,
        answers=row.answers or 0,
        failed=row.failed or 0,
        timed=row.timed or 0,
        level=row.level or 0.0,
    )


def _way(window: pb.Telemetry) -> str:
    counts = Counter[str]()
    for arm in window.arms:
        if arm.status == "OK":
            counts[f"{arm.route}@{arm.cut}" if arm.cut else arm.route] += arm.count
    return max(counts, key=lambda way: (counts[way], way), default="")


def known_cuts(connection: sa.Connection, ways: Mapping[str, str]) -> Mapping[str, str]:
    """A device's birth, for each way, of one that goes it."""
    asked = sa.select(DEVICES.c.name, DEVICES.c.device).where(DEVICES.c.name.in_(list(ways.values())))
    births = {row.name: row.device for row in connection.execute(asked)}
    return {way: births[name] for way, name in ways.items() if name in births}
