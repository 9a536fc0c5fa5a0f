"""What devices told, written: batches, each in one transaction, so that it keeps up with a fleet."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import floor
from typing import Any, assert_never, cast

import sqlalchemy as sa

from cloud.fleet.broker.disputes import Disputes
from cloud.fleet.broker.reading import Arrived, Told, read
from cloud.fleet.storage import jobs, latest, telemetry
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.desired import renew
from cloud.fleet.storage.lease import Leadership
from cloud.fleet.storage.minutes import ClassMinutes
from cloud.fleet.storage.observations import ObservedWindows
from cloud.fleet.storage.tables import BUCKETS, DESIRED, DEVICES, LATEST
from protos import fleet_pb2 as pb
from protos.errors import IsthmusError, RequestError
from protos.fleet.arms import ToldArm
from protos.fleet.messages import to_json

_log = logging.getLogger(__name__)
_MAX_TEXT = 64  # of what a device says of itself, where it is a column
_KNOWN = [column for column in DEVICES.c if column.name != "labels"]  # labels are the operators' own
_FRESH = {
    column.name: column.default.arg for column in _KNOWN if isinstance(column.default, sa.ColumnDefault)
}
_MAX_CHUNK = 500
DISPUTED = "disputed"  # a connection: two devices have one name

DeviceRow = dict[str, Any]


class Intake:
    """Takes what came. Used from one thread at a time."""

    def __init__(self, database: Database, leadership: Leadership, fleet: str, bucket: float) -> None:
        self._database, self._leadership, self._fleet, self._bucket = database, leadership, fleet, bucket
        self._windows: dict[str, tuple[int, int]] = {}  # session and sequence of a device's last one
        self._buckets: dict[tuple[str, float], telemetry.Row] = {}  # as they are written
        self._newest = 0.0  # when the newest of them begins
        self._minutes = ClassMinutes(bucket)
        self._arms: dict[str, tuple[float, set[ToldArm]]] = {}  # of a device, in the hour that it is in
        self._disputes = Disputes()
        self.counts: Counter[str] = Counter()  # messages by kind, and by why they were let go

    def take(self, batch: Sequence[Arrived]) -> None:
        """Write a batch. Raises CloudError where the database is away, Deposed where another controller
        leads; then nothing of it is written. What cannot be written for any other reason is let go, it alone.
        """
        try:
            self._take_together(batch)
        except IsthmusError:
            raise
        except Exception as error:  # noqa: BLE001 - one device must not keep a fleet from being heard
            if len(batch) == 1:
                self.counts["unwritable"] += 1
                _log.exception("a message at %.80s is let go: %s", batch[0].topic, type(error).__name__)
                return
            for one in batch:
                self.take([one])

    def _take_together(self, batch: Sequence[Arrived]) -> None:
        """All of it or nothing."""
        told = list(self._read(batch))
        work = _Batch(
            self._database,
            self._bucket,
            self._windows,
            self._buckets,
            self._minutes,
            ObservedWindows(self._arms),
            self._disputes,
        )
        with self._database.writing() as connection:
            self._leadership.check(connection)
            work.load(connection, told)
            for one in told:
                self._take(connection, work, one)
            work.write(connection)
        self._windows.update(work.windows)
        self._keep(work.buckets)
        self.counts.update(work.counts)

    def _take(self, connection: sa.Connection, work: "_Batch", told: Told) -> None:
        try:
            work.take(connection, told)
        except RequestError as error:  # a sketch that is none
            self.counts["malformed"] += 1
            _log.info("what %s told is let go: %s", told.topic.device, error)

    def _read(self, batch: Iterable[Arrived]) -> Iterable[Told]:
        for arrived in batch:
            try:
                yield read(arrived, self._fleet)
            except RequestError as error:
                self.counts["malformed"] += 1
                _log.info("a message at %.80s is let go: %s", arrived.topic, error)

    def _keep(self, buckets: Mapping[tuple[str, float], telemetry.Row]) -> None:
        """Those of the present time, of which more will come."""
        self._buckets.update(buckets)
        newest = max((start for _, start in buckets), default=0.0)
        if newest > self._newest:
            self._newest = newest
            self._buckets = {key: row for key, row in self._buckets.items() if key[1] >= newest}


class _Batch:
    """What becomes of one batch; nothing is kept of it where its transaction fails."""

    def __init__(
        self,
        database: Database,
        bucket: float,
        windows: Mapping[str, tuple[int, int]],
        buckets: Mapping[tuple[str, float], telemetry.Row],
        minutes: ClassMinutes,
        observed: ObservedWindows,
        disputes: Disputes,
    ) -> None:
        self._database, self._bucket, self._disputes = database, bucket, disputes
        self._before, self._kept, self._observed = windows, buckets, observed
        self._minutes = minutes
        self._latest: dict[str, telemetry.Row] = {}
        self._sums: list[tuple[float, str, telemetry.Row]] = []  # when each came, of which class
        self._rows: dict[str, DeviceRow] = {}
        self._changed: set[str] = set()
        self._born: set[str] = set()
        self._behind: set[str] = set()
        self._desired: dict[str, int] = {}
        self.windows: dict[str, tuple[int, int]] = {}
        self.buckets: dict[tuple[str, float], telemetry.Row] = {}
        self.counts: Counter[str] = Counter()

    def load(self, connection: sa.Connection, told: Sequence[Told]) -> None:
        names = sorted({one.topic.device for one in told})
        for first in range(0, len(names), _MAX_CHUNK):
            among = names[first : first + _MAX_CHUNK]
            asked = sa.select(*_KNOWN).where(DEVICES.c.name.in_(among))
            self._rows |= {row["name"]: dict(row) for row in connection.execute(asked).mappings()}
            wanted = sa.select(DESIRED.c.device, DESIRED.c.version).where(DESIRED.c.device.in_(among))
            self._desired |= {row.device: row.version for row in connection.execute(wanted)}
        for name in names:
            self._rows.setdefault(name, {**_FRESH, "name": name})
        keys = {
            self._key(one) for one in told if one.topic.kind in {"telemetry", "job-status"}
        } - self._kept.keys()
        self.buckets |= telemetry.load(connection, keys)

    def take(self, connection: sa.Connection, told: Told) -> None:
        """One message, unless it is of a session before the device's. Windows that waited for the broker are
        of the session that they ended in, and of no other than that which counts them.
        """
        row, message = self._rows[told.topic.device], cast("Any", told.message)
        if isinstance(message, pb.DeviceState):
            self._dispute(row, message, told)
        if message.session < row["session"] and told.topic.kind != "telemetry":
            self.counts["stale"] += 1
            return
        self.counts[told.topic.kind] += 1
        if told.topic.kind != "job-status" and message.session > row["session"]:
            self._began(row, message.session)
        if not told.retained:
            self._hear(row, told)
        match told.message:
            case pb.DeviceState() as state:
                self._take_state(row, state, told)
            case pb.Reported() as reported:
                self._take_reported(row, reported)
            case pb.Telemetry() as window:
                self._take_window(told, window)
            case pb.JobStatus() as status:
                self._take_status(connection, told, status)
            case other:
                assert_never(other)  # type: ignore[arg-type]
        self._changed.add(row["name"])

    def write(self, connection: sa.Connection) -> None:
        if self._changed:
            rows = [self._rows[name] for name in sorted(self._changed)]
            self._database.upsert(connection, DEVICES, rows)
        if self.buckets:
            self._database.upsert(connection, BUCKETS, list(self.buckets.values()))
        if self._latest:
            self._database.upsert(connection, LATEST, list(self._latest.values()))
            self._minutes.add(self._database, connection, self._sums)
        self._observed.write(self._database, connection)
        if self._born:
            jobs.tell_again(connection, sorted(self._born))
        if self._behind:
            renew(self._database, connection, sorted(self._behind))

    def _began(self, row: DeviceRow, session: int) -> None:
        """A session of which the birth may come later, or have been lost."""
        row["session"], row["taking_over"] = session, False
        self._born.add(row["name"])

    def _hear(self, row: DeviceRow, told: Told) -> None:
        row["heard"] = max(row["heard"], told.at)
        if told.topic.kind != "state":
            self._connect(row, "online", told)

    def _dispute(self, row: DeviceRow, state: pb.DeviceState, told: Told) -> None:
        """A birth may show that two devices have one name."""
        if not self._disputes.born(row["name"], state.instance[:_MAX_TEXT], told.at):
            return
        self.counts["disputed"] += 1
        if row["connection"] != DISPUTED:
            words = "two devices are called %s, and the broker hangs up on each by turns; rename one of them"
            _log.warning(words, row["name"])
        self._connect(row, DISPUTED, told)
        self._changed.add(row["name"])

    def _connect(self, row: DeviceRow, connection: str, told: Told) -> None:
        """Who has the name of another comes and goes: that, and nothing else, is said then."""
        now = DISPUTED if self._disputes.disputed(row["name"], told.at) else connection
        if now != row["connection"]:
            row["connection"], row["since"] = now, told.at

    def _take_state(self, row: DeviceRow, state: pb.DeviceState, told: Told) -> None:
        self._connect(row, "online" if state.connection == pb.DeviceState.ONLINE else "offline", told)
        if state.HasField("device"):
            device = state.device
            row["device"] = to_json(state).decode()
            row["kind"], row["version"] = device.machine[:_MAX_TEXT], device.version[:_MAX_TEXT]
            row["bundle"] = device.bundle[:_MAX_TEXT]
            self._born.add(row["name"])

    def _take_reported(self, row: DeviceRow, reported: pb.Reported) -> None:
        if reported.highest_version < row["highest_version"] and reported.session == row["session"]:
            self.counts["stale"] += 1
            return
        row["reported"] = to_json(reported).decode()
        row["reported_version"], row["highest_version"] = reported.version, reported.highest_version
        row["taking_over"] = reported.taking_over
        row["cut"] = reported.settings.cuts.pinned[:_MAX_TEXT]
        refused = reported.refused
        row["refused_version"] = refused.version
        told = pb.Refusal.Reason.Name(refused.reason).lower().replace("_", " ")
        row["refused"] = f"{told} {refused.field}: {refused.text}"[:500] if refused.version else ""
        wanted = self._desired.get(row["name"], 0)
        stale = refused.reason == pb.Refusal.STALE and refused.version == wanted
        if wanted and (stale or reported.highest_version > wanted):
            self._behind.add(row["name"])

    def _take_window(self, told: Told, window: pb.Telemetry) -> None:
        name, place = told.topic.device, (window.session, window.sequence)
        if place <= self.windows.get(name, self._before.get(name, (0, 0))):
            self.counts["repeated"] += 1
            return
        self.windows[name] = place
        row = telemetry.row_of(*self._key(told), window)
        self._latest[name] = latest.row_of(name, told.at, window, row)
        self._sums.append((told.at, self._rows[name]["kind"], row))
        self._observed.add(name, told.at, window)
        self._add(told, row)

    def _take_status(self, connection: sa.Connection, told: Told, status: pb.JobStatus) -> None:
        ended = jobs.take_status(connection, told.topic.device, status, to_json(status).decode())
        if ended and status.accuracies:
            self._add(told, telemetry.self_test_row(*self._key(told), status.accuracies))

    def _add(self, told: Told, row: telemetry.Row) -> None:
        key = self._key(told)
        before = self.buckets.get(key) or self._kept.get(key)
        self.buckets[key] = telemetry.added(before, row) if before else row

    def _key(self, told: Told) -> tuple[str, float]:
        return told.topic.device, floor(told.at / self._bucket) * self._bucket
