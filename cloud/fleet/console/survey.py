"""The fleet as it is now and was lately, added up: what its page shows, of any number of devices."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import exp, floor
from statistics import median
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.fleet.storage.latest import DeviceNow, devices_now, known_cuts
from cloud.fleet.storage.minutes import first_minute, minutes_since
from cloud.fleet.storage.rollouts import listed_rollouts
from cloud.fleet.storage.telemetry import Row, added
from protos import fleet_pb2 as pb
from protos.fleet.sketch import sketch_of

DAY = 24 * 3600.0
_SPANS = (120.0, 600.0, 3600.0, 6 * 3600.0, DAY)  # of charts: the first that holds all there is
_POINTS = 96
_MIN_ANSWERS = 20  # of a quantile
_FRESH_SECONDS = 180.0  # so old a window is not what a device does now, or three times its length


class Spell(NamedTuple):
    """A span of time, of a class of devices or of all; None: not known."""

    start: float
    rate: float  # answers a second
    p50: float | None
    p95: float | None
    failed: float | None  # part of all
    bytes: float | None  # an answer
    joules: float | None  # an answer


class Survey(NamedTuple):
    """`spells`: of all devices, from `start` on; `recent`: the last few minutes, by class, empty: all."""

    at: float
    start: float
    devices: Sequence[DeviceNow]
    spells: Sequence[Spell]
    recent: Mapping[str, Spell]
    depths: Mapping[str, float]
    rollouts: Sequence[Mapping[str, Any]]

    @property
    def rate(self) -> float:
        """Answers a second, of the last windows."""
        return sum(device.rate for device in self.devices if is_fresh(device, self.at))


class Surveyor:
    """Reads surveys. What is over is computed once. Used from one thread at a time."""

    def __init__(self, bucket: float) -> None:
        self._bucket, self._minute = bucket, min(60.0, bucket)
        self._over: dict[tuple[float, float], Spell] = {}

    def survey(self, connection: sa.Connection) -> Survey:
        """Raises CloudError where the database is away."""
        now = time.time()
        devices = devices_now(connection, self.lately(now))
        span = next((span for span in _SPANS if now - (first_minute(connection) or now) <= span), DAY)
        length = max(self._minute, span / _POINTS // self._minute * self._minute)
        spells = self._spells(connection, now, span, length)
        births = known_cuts(connection, {one.way: one.name for one in devices if "@" in one.way})
        return Survey(
            now,
            now - span,
            devices,
            spells,
            self._recent(connection, now),
            {way: _depth(way, text) for way, text in births.items()},
            listed_rollouts(connection, 5),
        )

    def lately(self, now: float) -> float:
        """When the bucket before the one that is filled now begins."""
        return floor(now / self._bucket - 1) * self._bucket

    def _spells(self, connection: sa.Connection, now: float, span: float, length: float) -> Sequence[Spell]:
        starts = [floor((now - span) / length) * length + length * place for place in range(_POINTS * 2)]
        starts = [start for start in starts if start <= now - length / 4]
        unknown = [start for start in starts if (start, length) not in self._over]
        rows = minutes_since(connection, min(unknown, default=now))
        by_start = defaultdict[float, list[Row]](list)
        for row in rows:
            by_start[floor(row["start"] / length) * length].append(row)
        fresh = {start: spell_of(start, min(length, now - start), by_start[start]) for start in unknown}
        over = {start: one for start, one in fresh.items() if start + length < now - self._minute}
        self._over = {key: self._over[key] for key in self._over if key[0] >= starts[0] and key[1] == length}
        self._over |= {(start, length): spell for start, spell in over.items()}
        return [fresh.get(start) or self._over[start, length] for start in starts]

    def _recent(self, connection: sa.Connection, now: float) -> Mapping[str, Spell]:
        start = now - max(3 * self._minute, 30.0)
        rows = minutes_since(connection, start)
        kinds = {row["kind"] for row in rows}
        groups = {"": rows, **{kind: [row for row in rows if row["kind"] == kind] for kind in kinds}}
        return {kind: spell_of(start, now - start, found) for kind, found in groups.items()}


def spell_of(start: float, seconds: float, rows: Sequence[Row]) -> Spell:
    """Rows of a span, as one."""
    if not rows:
        return Spell(start, 0.0, None, None, None, None, None)
    row = added(*rows)
    sketch = sketch_of([pb.Sketch.FromString(row["sketch"])] if row["sketch"] else [])
    p50, p95 = sketch.quantiles([0.5, 0.95]) if sketch.count >= _MIN_ANSWERS else (None, None)
    answers = row["answers"]
    return Spell(
        start,
        answers / seconds,
        p50,
        p95,
        _part(row["failed"], answers + row["failed"]),
        _part(row["bytes"], answers),
        _part(row["joules"], row["metered"]),
    )


def is_fresh(device: DeviceNow, now: float) -> bool:
    """Whether its last window is what it does now."""
    return device.connection == "online" and now - device.told <= _FRESH_SECONDS


def way_now(device: DeviceNow, now: float) -> str:
    return device.way if is_fresh(device, now) else ""


def p95_of(device: DeviceNow) -> float | None:
    """Milliseconds, lately."""
    return exp(device.level / device.timed) if device.timed else None


def medians(devices: Iterable[DeviceNow]) -> Mapping[str, float]:
    """Of the P95 of devices, by class."""
    found = defaultdict[str, list[float]](list)
    for device in devices:
        if (p95 := p95_of(device)) is not None:
            found[device.kind].append(p95)
    return {kind: median(values) for kind, values in found.items()}


def slowness(device: DeviceNow, usual: Mapping[str, float]) -> float | None:
    """A device's P95 in parts of the median of its class."""
    p95 = p95_of(device)
    return p95 / usual[device.kind] if p95 is not None and usual.get(device.kind) else None


def way_counts(devices: Iterable[DeviceNow], now: float) -> Counter[str]:
    return Counter(way_now(device, now) for device in devices)


def _part(amount: float, of: float) -> float | None:
    return amount / of if of else None


def _depth(way: str, birth: str) -> float:
    """Where the cut of a split lies among those of a device that goes it."""
    cuts = [cut.get("name", "") for cut in json.loads(birth).get("device", {}).get("cuts", [])]
    cut = way.partition("@")[2]
    return cuts.index(cut) / len(cuts) if cut in cuts else 1.0
