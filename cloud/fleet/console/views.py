"""What pages show, read from the database in threads; the fleet's, which is large, once for all viewers."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import anyio
import anyio.to_thread
import sqlalchemy as sa

from cloud.fleet.console.groups import compared_groups
from cloud.fleet.console.pages.device import DeviceFacts, device_parts
from cloud.fleet.console.pages.fleet import fleet_parts
from cloud.fleet.console.pages.rollout import RolloutFacts, rollout_parts
from cloud.fleet.console.survey import Survey, Surveyor
from cloud.fleet.storage import devices, jobs
from cloud.fleet.storage.audit import records
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.history import history
from cloud.fleet.storage.latest import window_of
from cloud.fleet.storage.rollouts import rollout_of
from cloud.fleet.storage.telemetry import buckets_of
from cloud.identity.identity import Role
from protos.pages.markup import Markup

_EVERY_SECONDS, _MAX_SHARE = 2.0, 0.1  # a survey; the part of a core that surveys may take
_BUCKETS, _JOBS, _RECORDS = 144, 20, 30

T = TypeVar("T")
Parts = Mapping[str, Markup]


class Views:
    """Belongs to the event loop. Each method raises CloudError where the database is away."""

    def __init__(self, database: Database, bucket: float) -> None:
        self._database, self._bucket = database, bucket
        self._surveyor, self._lock = Surveyor(bucket), anyio.Lock()
        self._known: tuple[Survey, Parts] | None = None
        self._until = 0.0

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        def run() -> T:
            with self._database.reading() as connection:
                return work(connection)

        return await anyio.to_thread.run_sync(run)

    async def fleet(self) -> tuple[Survey, Parts]:
        """The fleet as it is, or was moments ago: the larger it is, the longer they are."""
        async with self._lock:
            begun = time.monotonic()
            if self._known is None or begun >= self._until:
                self._known = await self.read(self._surveyed)
                took = time.monotonic() - begun
                self._until = begun + max(_EVERY_SECONDS, took / _MAX_SHARE)
            return self._known

    def _surveyed(self, connection: sa.Connection) -> tuple[Survey, Parts]:
        survey = self._surveyor.survey(connection)
        return survey, fleet_parts(survey)

    async def device(self, name: str) -> Parts:
        """Raises UnknownName."""

        def work(connection: sa.Connection) -> Parts:
            now = time.time()
            return device_parts(
                DeviceFacts(
                    now,
                    devices.shown(connection, name),
                    window_of(connection, name),
                    buckets_of(connection, name, now - _BUCKETS * self._bucket),
                    self._bucket,
                    jobs.listed(connection, name, _JOBS),
                )
            )

        return await self.read(work)

    async def rollout(self, name: str, role: Role) -> Parts:
        """Raises UnknownName."""

        def work(connection: sa.Connection) -> Parts:
            kept = rollout_of(connection, name)
            facts = RolloutFacts(
                time.time(),
                kept,
                history(connection, name),
                compared_groups(connection, kept, self._bucket),
                records(connection, name, _RECORDS),
            )
            return rollout_parts(facts, role)

        return await self.read(work)
