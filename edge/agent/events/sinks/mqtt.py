"""An MQTT broker: events by QoS 1, retained states, a birth and a last will, Home Assistant's discovery."""

import logging
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from edge.agent.broker.connection import Presence, connected
from edge.agent.broker.settings import BrokerSettings
from edge.agent.events.current import ShownState, StateKey
from edge.agent.events.sinks import home_assistant
from edge.agent.events.sinks.sink import SinkFeed, backoff_of_sink, wait_longer
from edge.agent.events.sinks.topics import Topics
from edge.agent.settings.names import Name
from protos.connection.broker_session import until_lost
from protos.errors import IsthmusError

if TYPE_CHECKING:
    import aiomqtt

_log = logging.getLogger(__name__)
_STEADY_SECONDS = 30.0  # a connection that lasted so long was a good one


class MqttSink(BrokerSettings, frozen=True, tag_field="kind", tag="mqtt", kw_only=True):
    """`kind = "mqtt"`. What waits while the broker is gone is bounded: by the event log, or a thousand in
    memory. Of answers only events tell, unless `home-assistant` shows each question's last.
    """

    name: Name
    home_assistant: bool = False

    @property
    def place(self) -> str:
        return f"sink {self.name!r}"

    def check(self) -> None:
        self.access.check()

    async def run(self, feed: SinkFeed) -> None:
        backoff, said = backoff_of_sink(), False
        identifier = f"isthmus-{feed.owner.fleet}-{feed.owner.device}-{self.name}"
        presence = Presence(Topics(feed.owner).availability, _state("offline"))
        while True:
            begun = anyio.current_time()
            try:
                async with connected(self, identifier, presence) as client:
                    _log.info("sink %s: connected to %s", self.name, self.access.place.host)
                    said = False
                    await _Session(client, feed, home_assistant=self.home_assistant).run()
            except IsthmusError as error:
                if not said:
                    _log.warning("sink %s: %s; tried again until it works", self.name, error)
                said = True
            if anyio.current_time() - begun > _STEADY_SECONDS:
                backoff.reset()
            await wait_longer(backoff)


class _Session:
    """One connection, until it is lost."""

    def __init__(self, client: "aiomqtt.Client", feed: SinkFeed, *, home_assistant: bool) -> None:
        self._client, self._feed = client, feed
        self._topics = Topics(feed.owner)
        self._home_assistant = home_assistant
        self._keys = {StateKey("event", watched.source, watched.event) for watched in feed.watched}
        if home_assistant:
            self._keys |= {StateKey("answer", source, question) for source, question in feed.questions}

    async def run(self) -> None:
        """Raises CloudError when the connection is lost."""
        parts = (self._greet_and_listen, self._hand_on, self._show)
        await until_lost(parts, self._feed.sink)

    async def _greet_and_listen(self) -> None:
        """Birth; and discovery now, and each time that Home Assistant starts."""
        await self._retain(self._topics.availability, _state("online"))
        if self._home_assistant:
            await self._client.subscribe(home_assistant.STATUS, qos=1)
            await self._announce()
        async for message in self._client.messages:
            if message.payload == home_assistant.ONLINE:
                await self._announce()

    async def _announce(self) -> None:
        payload: Any = home_assistant.discovery(self._feed, self._topics)
        await self._retain(home_assistant.discovery_topic(self._feed), msgspec.json.encode(payload))

    async def _hand_on(self) -> None:
        while True:
            waiting = await self._feed.next()
            await self._client.publish(self._topics.event(waiting.event), waiting.event.json(), qos=1)
            await self._feed.taken(waiting)

    async def _show(self) -> None:
        """What is so now, and each state that becomes another."""
        shown: dict[StateKey, ShownState] = {}
        while True:
            states = self._feed.current.states
            new = {key: states[key] for key in self._keys if key in states and states[key] != shown.get(key)}
            if not new:
                await self._feed.current.changed()
            for key, state in new.items():
                await self._retain(self._topics.state(key), msgspec.json.encode(state))
                shown[key] = state

    async def _retain(self, topic: str, payload: bytes) -> None:
        await self._client.publish(topic, payload, qos=1, retain=True)


def _state(state: str) -> bytes:
    return msgspec.json.encode(ShownState(state))
