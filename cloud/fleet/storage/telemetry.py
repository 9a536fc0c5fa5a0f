"""What devices told, summed up by ten minutes and by hours, for a bounded time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from math import ceil, floor, log
from typing import Any

import sqlalchemy as sa

from cloud.fleet.rollout.summary import Span, Summary
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.tables import BUCKETS, HOURS, OBSERVED, OBSERVED_ARMS, SUMS
from protos import fleet_pb2 as pb
from protos.fleet.sketch import sketch_of

HOUR = 3600.0
BUCKET_SECONDS = 600.0
KEEP_BUCKETS, KEEP_OBSERVED, KEEP_HOURS = 36 * HOUR, 50 * HOUR, 30 * 24 * HOUR
_BY_HOURS = 6 * HOUR  # so long a span is summed up from hours
_MIN_ANSWERS = 10  # of a P95
_P95 = 0.95
_CHUNK = 500
_MAX_BYTES = 1 << 45  # of a window

Row = dict[str, Any]


def row_of(device: str, start: float, window: pb.Telemetry) -> Row:
    """A window's sums, in the bucket that begins then. Raises PayloadError for a sketch that is none."""
    arms = window.arms
    good = [arm for arm in arms if arm.status == "OK"]
    answers = sum(arm.count for arm in good)
    metered = answers if window.energy_source else 0
    return _with_sketch(
        {
            "device": device,
            "start": start,
            "windows": 1,
            "answers": answers,
            "failed": sum(arm.count for arm in arms) - answers,
            "bytes": min(sum(arm.bytes_up + arm.bytes_down for arm in arms), _MAX_BYTES),
            "metered": metered,
            "joules": sum(arm.joules for arm in arms) if metered else 0.0,
            "compared": sum(arm.compared for arm in arms),
            "agreed": sum(min(arm.agreed, arm.compared) for arm in arms),
            "tested": 0,
            "right": 0,
        },
        [arm.milliseconds for arm in good],
    )


def self_test_row(device: str, start: float, accuracies: Iterable[pb.RouteAccuracy]) -> Row:
    """A self-test's; an answer that did not come is neither right nor wrong."""
    routes = list(accuracies)
    row = dict.fromkeys(SUMS, 0)
    answered = [max(0, route.pictures - route.failed) for route in routes]
    right = sum(min(route.right, among) for route, among in zip(routes, answered, strict=True))
    counted = {"tested": sum(answered), "right": right}
    return _with_sketch({"device": device, "start": start, **row, **counted}, [])


def added(*rows: Row) -> Row:
    """Rows of one span as one."""
    sums = {name: sum(row[name] for row in rows) for name in SUMS}
    sketches = [pb.Sketch.FromString(one["sketch"]) for one in rows if one["sketch"]]
    return _with_sketch({**rows[0], **sums}, sketches)


def load(connection: sa.Connection, keys: Collection[tuple[str, float]]) -> dict[tuple[str, float], Row]:
    """The buckets that there are, by device and start."""
    found = {}
    by_start: defaultdict[float, list[str]] = defaultdict(list)
    for device, start in keys:
        by_start[start].append(device)
    for start, devices in by_start.items():
        for first in range(0, len(devices), _CHUNK):
            among = BUCKETS.c.device.in_(devices[first : first + _CHUNK])
            for row in connection.execute(
                sa.select(BUCKETS).where(BUCKETS.c.start == start, among)
            ).mappings():
                found[row["device"], row["start"]] = dict(row)
    return found


def buckets_of(connection: sa.Connection, device: str, start: float) -> list[Row]:
    """What a device told since then, in order of time."""
    asked = sa.select(BUCKETS).where(BUCKETS.c.device == device, BUCKETS.c.start >= start)
    return [dict(row) for row in connection.execute(asked.order_by(BUCKETS.c.start)).mappings()]


def summaries(
    connection: sa.Connection, spans: Collection[Span], bucket: float = BUCKET_SECONDS
) -> dict[Span, Summary]:
    """What was told in the whole buckets, or hours, of each span; nothing is a summary of zeros."""
    found = dict.fromkeys(spans, Summary())
    groups: defaultdict[tuple[float, float], list[str]] = defaultdict(list)
    for span in spans:
        groups[span.start, span.end].append(span.device)
    for (start, end), devices in groups.items():
        for device, summary in _summed(connection, start, end, devices, bucket):
            found[Span(device, start, end)] = summary
    return found


def prune(database: Database, now: float, bucket: float = BUCKET_SECONDS) -> None:
    """Sum hours that are over up, and forget what is too old."""
    with database.reading() as connection:
        last = connection.scalar(sa.select(sa.func.max(HOURS.c.start)))
        first = connection.scalar(sa.select(sa.func.min(BUCKETS.c.start)))
    if first is not None:
        hour = last + HOUR if last is not None else floor(first / HOUR) * HOUR
        hour = max(hour, floor((now - KEEP_BUCKETS) / HOUR) * HOUR)
        while hour + HOUR + 2 * bucket <= now:
            _sum_up(database, hour)
            hour += HOUR
    with database.writing() as connection:
        connection.execute(BUCKETS.delete().where(BUCKETS.c.start < now - KEEP_BUCKETS))
        connection.execute(HOURS.delete().where(HOURS.c.start < now - KEEP_HOURS))
        for table in (OBSERVED, OBSERVED_ARMS):
            connection.execute(table.delete().where(table.c.start < now - KEEP_OBSERVED))


def _sum_up(database: Database, hour: float) -> None:
    within = sa.and_(BUCKETS.c.start >= hour, BUCKETS.c.start < hour + HOUR)
    rows: dict[str, Row] = {}
    with database.writing() as connection:
        for row in connection.execute(sa.select(BUCKETS).where(within)).mappings():
            one = {**row, "start": hour}
            # levels are of buckets, and stay so: their P95 are what rollouts compare
            kept = {"timed": one["timed"], "level": one["level"]}
            if before := rows.get(one["device"]):
                kept = {name: before[name] + kept[name] for name in kept}
                one = added(before, one)
            rows[one["device"]] = {**one, **kept}
        if rows:
            database.upsert(connection, HOURS, list(rows.values()))


def _summed(
    connection: sa.Connection, start: float, end: float, devices: list[str], bucket: float
) -> Iterable[tuple[str, Summary]]:
    table, length = (HOURS, HOUR) if end - start >= _BY_HOURS else (BUCKETS, bucket)
    first, last = ceil(start / length) * length, floor(end / length) * length
    sums = [sa.func.sum(table.c[name]) for name in SUMS]
    for place in range(0, len(devices), _CHUNK):
        asked = (
            sa.select(table.c.device, *sums)
            .where(table.c.start >= first, table.c.start < last)
            .where(table.c.device.in_(devices[place : place + _CHUNK]))
            .group_by(table.c.device)
        )
        for device, *values in connection.execute(asked):
            named: Mapping[str, Any] = dict(zip(SUMS, values, strict=True))
            yield device, Summary(**{name: float(value) for name, value in named.items()})  # type: ignore[arg-type]


def _with_sketch(row: Row, sketches: Iterable[pb.Sketch]) -> Row:
    """The bucket's P95 follows from its sketch."""
    sketch = sketch_of(sketches)
    timed = sketch.count if sketch.count >= _MIN_ANSWERS else 0
    level = timed * log(max(sketch.quantile(_P95), 1e-3)) if timed else 0.0
    told = sketch.message().SerializeToString() if sketch.count else b""
    return {**row, "timed": timed, "level": level, "sketch": told}
