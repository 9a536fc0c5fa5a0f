"""The one connection to the fleet's broker: what is told and what is heard, over whatever comes."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from edge.agent.broker.connection import OlderBroker, Presence, connected
from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.fleet.database import FleetDatabase
from protos import fleet_pb2 as pb
from protos.connection.backoff import Backoff
from protos.connection.broker_session import subscribe, until_lost
from protos.errors import IsthmusError, RequestError
from protos.fleet.messages import to_json
from protos.fleet.topics import DeviceTopics, parse_topic

if TYPE_CHECKING:
    import aiomqtt

_OLDER = "broker of MQTT 3.1.1"  # where the database keeps its address
_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 30.0
_STEADY_SECONDS = 30.0  # a connection that lasted so long was a good one
_log = logging.getLogger(__name__)

Heard = Callable[[str, str, bytes], Awaitable[None]]  # kind of topic, job, payload
Begin = Callable[[], Awaitable[int]]  # a session: its number is greater than any before, and kept


class Told:
    """What waits to be told. Of a topic only the last counts, but of windows each."""

    def __init__(self, windows: "deque[bytes]") -> None:
        self._last, self._windows = dict[str, tuple[bytes, bool]](), windows
        self._changed = anyio.Event()

    def put(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Behind what waits."""
        self._last.pop(topic, None)
        self._last[topic] = payload, retain
        self.changed()

    def put_first(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Before what waits."""
        self._last.pop(topic, None)
        self._last = {topic: (payload, retain), **self._last}
        self.changed()

    def changed(self) -> None:
        """Something waits."""
        self._changed.set()

    async def tell(self, client: "aiomqtt.Client", telemetry: str) -> None:
        """Until cancelled. What the broker has not acknowledged waits for the next connection."""
        while True:
            self._changed = anyio.Event()
            while self._last:
                topic, (payload, retain) = next(iter(self._last.items()))
                await client.publish(topic, payload, qos=1, retain=retain)
                if self._last.get(topic) == (payload, retain):
                    del self._last[topic]
            while self._windows:
                window = self._windows[0]
                await client.publish(telemetry, window, qos=1)
                if self._windows and self._windows[0] is window:
                    self._windows.popleft()
            await self._changed.wait()


class KnownBroker:
    """Whether the broker of an address was found not to know MQTT 5, so that the next process does not wait
    for an answer to that. It is not asked again while it answers in 3.1.1, which does as well.
    """

    def __init__(self, database: FleetDatabase, address: str) -> None:
        self._database, self._address = database, address

    @property
    def newer(self) -> bool:
        """Whether it may know MQTT 5."""
        with suppress(RequestError):
            return self._database.read(_OLDER).decode(errors="replace") != self._address
        return True

    def answered(self, *, newer: bool) -> None:
        """It is spoken with in this."""
        if newer != self.newer:
            with suppress(RequestError):  # it is only quicker so
                self._database.write(_OLDER, b"" if newer else self._address.encode())


class FleetLink:
    """Reconnects for ever, jittered and capped. Sessions end with their connection: the broker retains what
    is desired, and jobs are told again.
    """

    def __init__(
        self,
        access: FleetAccess,
        topics: DeviceTopics,
        told: Told,
        begin: Begin,
        heard: Heard,
        known: KnownBroker,
    ) -> None:
        """`begin` puts what a session begins with into `told`."""
        self._access, self._topics, self._told = access, topics, told
        self._begin, self._heard = begin, heard
        # MQTT 5; brokers that do not know it, or say nothing, are spoken to in 3.1.1
        self._known, self._newer = known, known.newer

    async def run(self) -> None:
        """Until cancelled; then the broker is told that the device is gone."""
        backoff, said = Backoff(_FIRST_SECONDS, _LONGEST_SECONDS), False
        while True:
            begun = anyio.current_time()
            try:
                await self._session()
            except OlderBroker:
                if not self._newer:
                    continue
            except IsthmusError as error:
                if not said:
                    _log.warning("fleet: %s; tried again until it works", error)
                said = True
            lasted = anyio.current_time() - begun
            if lasted > _STEADY_SECONDS:
                backoff.reset()
                said = False
            await anyio.sleep(backoff.seconds())

    async def _session(self) -> None:
        """One connection. Raises CloudError when there is none, or it is lost."""
        session = await self._begin()
        gone = pb.DeviceState(connection=pb.DeviceState.OFFLINE, session=session)
        presence = Presence(self._topics.state, to_json(gone))
        identifier = f"isthmus/{self._topics.fleet}/{self._topics.device}"  # no sink is called so
        newer = self._newer
        self._newer = not newer  # unless this one is understood
        async with connected(self._access, identifier, presence, newer=newer) as client:
            self._newer = newer
            self._known.answered(newer=newer)
            version = "5" if newer else "3.1.1"
            _log.info("fleet: connected to %s by MQTT %s", self._access.access.place.host, version)

            async def listen() -> None:
                await subscribe(client, [self._topics.desired, self._topics.jobs], "this device")
                async for message in client.messages:
                    await self._hear(message)

            async def tell() -> None:
                await self._told.tell(client, self._topics.telemetry)

            await until_lost([listen, tell], "fleet")

    async def _hear(self, message: "aiomqtt.Message") -> None:
        """A message that is nobody's is dropped."""
        payload = message.payload
        try:
            topic = parse_topic(message.topic.value)
        except RequestError as error:
            _log.warning("fleet: %s", error)
            return
        if isinstance(payload, bytes) and (topic.fleet, topic.device) == (
            self._topics.fleet,
            self._topics.device,
        ):
            await self._heard(topic.kind, topic.job, payload)
