"""One of the controllers of a fleet: it waits for its turn to lead, and then does what the leader does."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable

import anyio
import anyio.to_thread

from cloud.fleet.broker.intake import Intake
from cloud.fleet.broker.link import Link
from cloud.fleet.driver.rollouts import RolloutDriver
from cloud.fleet.storage import jobs, telemetry
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.lease import LEASE_SECONDS, RENEW_SECONDS, Deposed, Leadership
from cloud.fleet.storage.minutes import forget_minutes
from protos.connection.broker import BrokerAccess
from protos.errors import CloudError

_log = logging.getLogger(__name__)
_STEP_SECONDS = 1.0
_HOUSEKEEPING_SECONDS = 300.0


class Controller:
    """Belongs to the event loop. Any number may run on one database; one of them leads."""

    def __init__(
        self, database: Database, broker: BrokerAccess, fleet: str, bucket: float = telemetry.BUCKET_SECONDS
    ) -> None:
        name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"
        self.database, self.bucket = database, bucket
        self.database_works = True  # a full disk is read, and takes no lease
        self.leadership = Leadership(database, name)
        self.intake = Intake(database, self.leadership, fleet, bucket)
        self.link = Link(database, self.leadership, self.intake, broker, fleet)
        self.driver = RolloutDriver(database, self.leadership, bucket)

    @property
    def leads(self) -> bool:
        return bool(self.leadership.token)

    async def run(self) -> None:
        """Until cancelled; then another may lead at once."""
        try:
            while True:
                if await self._claimed():
                    await self._lead()
                await anyio.sleep(RENEW_SECONDS)
        finally:
            if self.leads:
                with anyio.move_on_after(RENEW_SECONDS, shield=True):
                    await self._tried(self.leadership.release)

    async def _lead(self) -> None:
        _log.warning("%s leads the fleet", self.leadership.me)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._hold, tasks.cancel_scope, name="lease")
                tasks.start_soon(self.link.run, name="link")
                tasks.start_soon(self._every, _STEP_SECONDS, self.driver.step, name="rollouts")
                tasks.start_soon(self._every, _HOUSEKEEPING_SECONDS, self._keep_house, name="housekeeping")
        except* Deposed:
            self.leadership.token = 0
        _log.warning("%s leads the fleet no longer", self.leadership.me)

    async def _hold(self, leading: anyio.CancelScope) -> None:
        """Renew the lease. Where that fails for as long as it lasts, another leads by now."""
        held = anyio.current_time()
        while anyio.current_time() - held < LEASE_SECONDS:
            begun = anyio.current_time()
            with anyio.move_on_after(LEASE_SECONDS):
                if await self._claimed():
                    held = begun
                elif not self.leads:
                    break
            await anyio.sleep(RENEW_SECONDS)
        self.leadership.token = 0
        leading.cancel()

    async def _claimed(self) -> bool:
        claimed = await self._tried(self.leadership.claim)
        self.database_works = claimed is not None
        return bool(claimed)

    async def _every(self, seconds: float, work: Callable[[], object]) -> None:
        while True:
            await self._tried(work)
            await anyio.sleep(seconds)

    async def _tried(self, work: Callable[[], object]) -> object:
        """None where the database is away, which is tried again. Raises Deposed."""
        try:
            return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        except Deposed:
            raise
        except CloudError as error:
            _log.warning("%s", error)
            return None

    def _keep_house(self) -> None:
        telemetry.prune(self.database, time.time(), self.bucket)
        with self.database.writing() as connection:
            self.leadership.check(connection)
            jobs.expire(connection, time.time())
            forget_minutes(connection, time.time())
