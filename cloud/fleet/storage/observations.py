"""What devices told of the way that their answers went, summed up by hours: links, stages, and each arm."""

from collections.abc import Sequence
from math import floor, inf, isfinite, log
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.fleet.storage.database import Database
from cloud.fleet.storage.tables import ARM_SUMS, DEVICES, OBSERVED, OBSERVED_ARMS, OBSERVED_SUMS, STAGES
from protos import fleet_pb2 as pb
from protos.fleet.arms import ToldArm
from protos.fleet.sketch import log_moments

HOUR = 3600.0
OTHER = "other"
_MAX_ARMS = 64  # of a device in an hour; more are one
_MAX_TEXT = 64
_MAX_MS = 3.6e6  # of an answer, or of a stage of it: a device that lies is believed no more
_MAX_BYTES = 1 << 45  # of a window
_MAX_RATE, _MAX_ROUND_TRIP = 1e12, 1e6


class ObservedKey(NamedTuple):
    """What is summed up together."""

    device: str
    start: float
    bundle: str


class DeviceRecord(NamedTuple):
    """A device as it was last told: its birth and what it reports, as JSON."""

    name: str
    kind: str
    bundle: str
    device: str
    reported: str


class ObservedSums(NamedTuple):
    """Of a device and its bundle. `half`: of hours that are even, or odd."""

    device: str
    bundle: str
    half: int
    sums: Sequence[float]  # by OBSERVED_SUMS


class ArmSums(NamedTuple):
    """The same of an arm."""

    device: str
    bundle: str
    half: int
    arm: ToldArm
    sums: Sequence[float]  # by ARM_SUMS


class ObservedWindows:
    """Windows of a batch, added up. `arms`: by device, its hour and what it named in it, which is kept from
    batch to batch.
    """

    def __init__(self, arms: dict[str, tuple[float, set[ToldArm]]]) -> None:
        self._named = arms
        self._rows: dict[ObservedKey, list[float]] = {}
        self._arms: dict[tuple[ObservedKey, ToldArm], list[float]] = {}

    def add(self, device: str, at: float, window: pb.Telemetry) -> None:
        """A window that came then. Raises PayloadError for a sketch that is none, and nothing of it is
        added.
        """
        key = ObservedKey(device, floor(at / HOUR) * HOUR, window.bundle[:_MAX_TEXT])
        good = [arm for arm in window.arms if arm.status == "OK" and arm.count]
        arms = [(self._name(key, arm), _arm_sums(arm, metered=bool(window.energy_source))) for arm in good]
        answers = sum(arm.count for arm in good)
        _add(self._rows, key, _sums(window, answers))
        for name, sums in arms:
            _add(self._arms, (key, name), sums)

    def write(self, database: Database, connection: sa.Connection) -> None:
        rows = [_row(key, OBSERVED_SUMS, sums) for key, sums in self._rows.items()]
        if rows:
            database.add_up(connection, OBSERVED, rows)
        arms = [_row(key, ARM_SUMS, sums) | name._asdict() for (key, name), sums in self._arms.items()]
        if arms:
            database.add_up(connection, OBSERVED_ARMS, arms)

    def _name(self, key: ObservedKey, arm: pb.ArmWindow) -> ToldArm:
        name = ToldArm(arm.route[:_MAX_TEXT], arm.cut[:_MAX_TEXT], arm.codec[:_MAX_TEXT])
        start, named = self._named.get(key.device, (0.0, set[ToldArm]()))
        if start != key.start:
            named = set()
        if name not in named and len(named) >= _MAX_ARMS:
            return ToldArm(OTHER)
        named.add(name)
        self._named[key.device] = key.start, named
        return name


def device_records(connection: sa.Connection) -> list[DeviceRecord]:
    """Of every device, by name."""
    columns = [DEVICES.c[name] for name in DeviceRecord._fields]
    asked = sa.select(*columns).order_by(DEVICES.c.name)
    return [DeviceRecord(*row) for row in connection.execute(asked)]


def observed_sums(connection: sa.Connection, start: float, end: float) -> list[ObservedSums]:
    """Of every device, in the whole hours from one time to another."""
    columns = OBSERVED.c.device, OBSERVED.c.bundle, _half(OBSERVED)
    sums = [sa.func.sum(OBSERVED.c[name]) for name in OBSERVED_SUMS]
    asked = sa.select(*columns, *sums).where(_within(OBSERVED, start, end)).group_by(*columns)
    return [ObservedSums(row[0], row[1], row[2], row[3:]) for row in connection.execute(asked)]


def arm_sums(connection: sa.Connection, start: float, end: float) -> list[ArmSums]:
    """Of every device and each of its arms."""
    of = OBSERVED_ARMS.c
    columns = of.device, of.bundle, _half(OBSERVED_ARMS), of.route, of.cut, of.codec
    sums = [sa.func.sum(of[name]) for name in ARM_SUMS]
    asked = sa.select(*columns, *sums).where(_within(OBSERVED_ARMS, start, end)).group_by(*columns)
    return [ArmSums(row[0], row[1], row[2], ToldArm(*row[3:6]), row[6:]) for row in connection.execute(asked)]


def _half(table: sa.Table) -> sa.ColumnElement[int]:
    return (sa.cast(table.c.start / HOUR, sa.BigInteger) % 2).label("half")


def _within(table: sa.Table, start: float, end: float) -> sa.ColumnElement[bool]:
    """By no index: most of what is kept is asked for, and lies together by device."""
    at = table.c.start + 0
    return sa.and_(at >= floor(start / HOUR) * HOUR, at < end)


def _row(key: ObservedKey, names: Sequence[str], sums: Sequence[float]) -> dict[str, Any]:
    return key._asdict() | dict(zip(names, sums, strict=True))


def _add(sums: dict[Any, list[float]], key: Any, more: list[float]) -> None:
    known = sums.get(key)
    sums[key] = [one + other for one, other in zip(known, more, strict=True)] if known else more


def _sums(window: pb.Telemetry, answers: int) -> list[float]:
    warm = window.HasField("temperature") and -100 < window.temperature < 300
    stages = [
        _bounded(window.stages[name].sum, answers * _MAX_MS) if name in window.stages else 0.0
        for name in STAGES
    ]
    return [
        1.0,
        window.milliseconds / 1000,
        answers,
        sum(arm.count for arm in window.arms if arm.status != "OK"),
        float(warm),
        window.temperature if warm else 0.0,
        window.waiting,
        *_link_sums(window),
        *stages,
    ]


def _link_sums(window: pb.Telemetry) -> list[float]:
    """Of the cloud that most was asked of; nothing of a link that is told as none."""
    asked: dict[str, int] = {}
    for arm in window.arms:
        asked[arm.cloud] = asked.get(arm.cloud, 0) + arm.count
    link = max(window.links, key=lambda one: asked.get(one.cloud, 0), default=None)
    if link is None or not (1 <= link.uplink_bits_per_second <= _MAX_RATE):
        return [0.0] * 5
    rate = log(link.uplink_bits_per_second)
    trip = log(min(max(link.round_trip_milliseconds, 0.01), _MAX_ROUND_TRIP))
    return [1.0, rate, rate**2, trip, _bounded(link.uplink_doubt, 10.0)]


def _arm_sums(arm: pb.ArmWindow, *, metered: bool) -> list[float]:
    times, surprise = log_moments(arm.milliseconds), log_moments(arm.surprise)
    return [
        arm.count,
        min(arm.bytes_up, _MAX_BYTES),
        min(arm.bytes_down, _MAX_BYTES),
        arm.count if metered else 0,
        _bounded(arm.joules, 1e6 * arm.count) if metered else 0.0,
        _bounded(arm.milliseconds.sum, arm.count * _MAX_MS),
        *times,
        *surprise,
        arm.compared,
        min(arm.agreed, arm.compared),
    ]


def _bounded(value: float, most: float) -> float:
    return min(value, most) if isfinite(value) and 0 <= value < inf else 0.0
