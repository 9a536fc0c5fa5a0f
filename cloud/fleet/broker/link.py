"""The leader's link to the broker: subscribed, written, published, and begun anew where it is lost."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import aiomqtt
import anyio
import anyio.to_thread
import sqlalchemy as sa

from cloud.fleet.broker.connection import connected_controller
from cloud.fleet.broker.intake import Intake
from cloud.fleet.broker.reading import Arrived
from cloud.fleet.storage import jobs
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.desired import mark_published, unpublished
from cloud.fleet.storage.lease import Deposed, Leadership
from cloud.fleet.storage.tables import DESIRED, DEVICES
from protos.connection.broker import BrokerAccess
from protos.connection.broker_session import subscribe, until_lost
from protos.errors import CloudError, IsthmusError
from protos.fleet.topics import DeviceTopics, told_by_devices, told_to_devices

_log = logging.getLogger(__name__)
_MAX_WAITING = 20_000  # messages that are not written yet; of telemetry no more come in then
_BATCH, _BATCH_SECONDS = 500, 0.1
_PUBLISH_SECONDS, _PUBLISHED = 0.25, 500
_QUIET_SECONDS, _SETTLE_SECONDS = 1.0, 20.0  # without a retained message the broker has told all it has
_RETRY_SECONDS = 1.0

T = TypeVar("T")


class Link:
    """Runs while this controller leads. What devices told and is not written waits for the database."""

    def __init__(
        self, database: Database, leadership: Leadership, intake: Intake, access: BrokerAccess, fleet: str
    ) -> None:
        self._database, self._leadership, self._intake = database, leadership, intake
        self._access, self._fleet = access, fleet
        self._waiting: deque[Arrived] = deque()
        self._retained: dict[str, str] = {}  # desired, by device, as the broker has it
        self._states: set[str] = set()  # devices whose state the broker has
        self._retained_at = 0.0
        self.connected = False
        self.dropped = 0

    async def run(self) -> None:
        """Until cancelled. Raises Deposed."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, name="intake")
            tasks.start_soon(self._stay_connected, name="broker")

    async def _stay_connected(self) -> None:
        said = False
        while True:
            try:
                async with connected_controller(self._access, self._fleet) as client:
                    _log.info("connected to the broker at %s", self._access.address)
                    said, self.connected = False, True
                    await self._session(client)
            except IsthmusError as error:
                if not said:
                    _log.warning("%s; tried again until it works", error)
                said = True
            finally:
                self.connected = False
            await anyio.sleep(_RETRY_SECONDS)

    async def _session(self, client: aiomqtt.Client) -> None:
        """Raises CloudError when the connection is lost."""

        async def listen() -> None:
            await self._listen(client)

        async def publish() -> None:
            await self._settle_and_publish(client)

        await until_lost([listen, publish], "broker")

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic, payload = message.topic.value, message.payload
            if topic.endswith("/shadow/desired"):
                self._retained[_device_in(topic)] = payload.decode(errors="replace")
                self._retained_at = anyio.current_time()
            elif len(self._waiting) >= _MAX_WAITING and topic.endswith("/telemetry"):
                self.dropped += 1
            elif payload:
                self._waiting.append(Arrived(time.time(), topic, payload, bool(message.retain)))
                if topic.endswith("/state"):
                    self._states.add(_device_in(topic))
                    self._retained_at = anyio.current_time()

    async def _settle_and_publish(self, client: aiomqtt.Client) -> None:
        """What the broker has forgotten is told again, then whatever is new."""
        self._retained, self._states = {}, set()
        desired, _ = told_to_devices(self._fleet)
        self._retained_at = anyio.current_time()
        await subscribe(client, [*told_by_devices(self._fleet), desired], "the controller")
        await self._settled()
        await client.unsubscribe(desired)
        await self._in_thread(self._compare)
        while True:
            if not await self._publish(client):
                await anyio.sleep(_PUBLISH_SECONDS)

    async def _settled(self) -> None:
        """Returns once no retained message came for a while."""
        for _ in range(round(4 * _SETTLE_SECONDS / _QUIET_SECONDS)):
            await anyio.sleep(_QUIET_SECONDS / 4)
            if anyio.current_time() - self._retained_at >= _QUIET_SECONDS:
                return

    def _compare(self) -> None:
        """Desired settings that the broker does not have are unpublished; devices of which it knows no state
        are unknown.
        """
        with self._database.writing() as connection:
            self._leadership.check(connection)
            rows = connection.execute(sa.select(DESIRED.c.device, DESIRED.c.message))
            forgotten = [device for device, message in rows if self._retained.get(device) != message]
            mark_published(connection, dict.fromkeys(forgotten, 0))
            online = connection.scalars(sa.select(DEVICES.c.name).where(DEVICES.c.connection == "online"))
            for name in [name for name in online if name not in self._states]:
                unknown = {"connection": "unknown", "since": time.time()}
                connection.execute(DEVICES.update().where(DEVICES.c.name == name).values(**unknown))

    async def _publish(self, client: aiomqtt.Client) -> bool:
        """Whether there was anything to tell."""
        wanted, told = await self._in_thread(self._to_publish)
        retained = ((self._topics(device).desired, text.encode()) for device, _, text in wanted)
        once = ((self._topics(device).job(job), message) for job, device, message in told)
        await asyncio.gather(
            *(client.publish(topic, message, qos=1, retain=True) for topic, message in retained),
            *(client.publish(topic, message, qos=1) for topic, message in once),
        )
        if wanted or told:
            versions = {device: version for device, version, _ in wanted}
            await self._in_thread(lambda: self._published(versions, [job for job, _, _ in told]))
        return bool(wanted)

    def _topics(self, device: str) -> DeviceTopics:
        return DeviceTopics(self._fleet, device)

    def _to_publish(self) -> tuple[list[tuple[str, int, str]], list[tuple[str, str, bytes]]]:
        with self._database.reading() as connection:
            return unpublished(connection, _PUBLISHED), jobs.to_tell(connection, time.time(), _PUBLISHED)

    def _published(self, versions: dict[str, int], told: list[str]) -> None:
        with self._database.writing() as connection:
            self._leadership.check(connection)
            mark_published(connection, versions)
            jobs.mark_told(connection, told, time.time())

    async def _write(self) -> None:
        """What came, batch by batch. Where the database is away, it waits."""
        while True:
            if len(self._waiting) < _BATCH:  # few at a time would take a transaction each
                await anyio.sleep(_BATCH_SECONDS)
            batch = [self._waiting[place] for place in range(min(_BATCH, len(self._waiting)))]
            if batch:
                await self._in_thread(partial(self._intake.take, batch))
            for _ in batch:
                self._waiting.popleft()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Tried until the database is there. Raises Deposed."""
        while True:
            try:
                return await anyio.to_thread.run_sync(work)
            except Deposed:
                raise
            except CloudError as error:
                _log.warning("%s", error)
                await anyio.sleep(_RETRY_SECONDS)


def _device_in(topic: str) -> str:
    """Of a topic that a filter has let in: isthmus/v1/FLEET/DEVICE/..."""
    return topic.split("/")[3]
