"""An MQTT broker: events by QoS 1, retained states, a birth and a last will, Home Assistant's discovery."""

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import msgspec

from edge.agent.events.current import ShownState, StateKey
from edge.agent.events.sinks import home_assistant
from edge.agent.events.sinks.sink import SinkFeed, SinkSettings, backoff_of_sink, wait_longer
from edge.agent.events.sinks.topics import Topics
from edge.agent.settings.secrets import read_secret
from protos.connection.address import is_loopback, split_address
from protos.errors import CloudError, IsthmusError, RequestError

if TYPE_CHECKING:
    import aiomqtt

_log = logging.getLogger(__name__)
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_SECONDS, _TIMEOUT_SECONDS, _GOODBYE_SECONDS = 30, 10, 2
_STEADY_SECONDS = 30.0  # a connection that lasted so long was a good one


class Broker(NamedTuple):
    """Where it is."""

    host: str
    port: int
    tls: bool


class MqttSink(SinkSettings, frozen=True, tag="mqtt", kw_only=True):
    """`kind = "mqtt"`. What waits while the broker is gone is bounded: by the event log, or a thousand in
    memory. Of answers only events tell, unless `home-assistant` shows each question's last.
    """

    address: str  # mqtts://HOST[:PORT], mqtt://HOST[:PORT]
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    allow_plain: bool = False  # mqtt:// to another machine
    home_assistant: bool = False

    def check(self) -> None:
        broker = self.broker()
        if (self.client_cert is None) != (self.client_key is None):
            raise RequestError(f"sink {self.name!r}: client-cert goes with client-key; give both")
        if self.password_file and not self.user:
            raise RequestError(f"sink {self.name!r}: password-file goes with user; give both")
        if broker.tls:
            return
        if self.ca or self.client_cert:
            raise RequestError(f"sink {self.name!r}: certificates mean nothing without TLS; write mqtts://")
        if not (self.allow_plain or is_loopback(broker.host)):
            raise RequestError(
                f"sink {self.name!r}: what is sent to {broker.host} over mqtt:// can be read on the way; "
                "write mqtts://, or allow-plain = true where the network is your own"
            )

    def broker(self) -> Broker:
        """Raises RequestError for an address that is none."""
        scheme, _, place = self.address.partition("://")
        if scheme not in _PORTS or "@" in place:
            raise RequestError(
                f"sink {self.name!r}: the address is none of a broker; write mqtts://HOST[:PORT], and user "
                "and password-file beside it"
            )
        has_port = ":" in place.rpartition("]")[2]
        host, port = split_address(place if has_port else f"{place}:{_PORTS[scheme]}", "the broker's address")
        return Broker(host.strip("[]"), port, scheme == "mqtts")

    async def run(self, feed: SinkFeed) -> None:
        backoff, said = backoff_of_sink(), False
        while True:
            begun = anyio.current_time()
            try:
                async with self._connected(feed) as client:
                    _log.info("sink %s: connected to %s", self.name, self.broker().host)
                    said = False
                    await _Session(client, feed, home_assistant=self.home_assistant).run()
            except IsthmusError as error:
                if not said:
                    _log.warning("sink %s: %s; tried again until it works", self.name, error)
                said = True
            if anyio.current_time() - begun > _STEADY_SECONDS:
                backoff.reset()
            await wait_longer(backoff)

    @asynccontextmanager
    async def _connected(self, feed: SinkFeed) -> AsyncIterator["aiomqtt.Client"]:
        """A connection that says goodbye when the agent ends; where it is lost the broker tells the last
        will. Raises CloudError, and RequestError for a password that cannot be read.
        """
        import aiomqtt

        broker, birth = self.broker(), Topics(feed.owner).birth
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=f"isthmus-{feed.owner.fleet}-{feed.owner.device}-{self.name}",
            username=self.user or None,
            password=read_secret(self.password_file) if self.password_file else None,
            will=aiomqtt.Will(birth, _state("offline"), qos=1, retain=True),
            keepalive=_KEEPALIVE_SECONDS,
            timeout=_TIMEOUT_SECONDS,
            tls_context=await anyio.to_thread.run_sync(self._tls) if broker.tls else None,
        )
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as error:
            raise CloudError(f"no connection to {broker.host}: {error}") from error
        try:
            yield client
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_GOODBYE_SECONDS, shield=True), suppress(aiomqtt.MqttError):
                await client.publish(birth, _state("offline"), qos=1, retain=True)
            raise
        finally:
            with anyio.move_on_after(_GOODBYE_SECONDS, shield=True), suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)

    def _tls(self) -> ssl.SSLContext:
        """Raises RequestError for files that are no certificates."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.client_cert:
                context.load_cert_chain(self.client_cert, self.client_key)
        except OSError as error:
            raise RequestError(
                f"its certificates cannot be used ({error}); give PEM files as ca, client-cert and client-key"
            ) from error
        return context


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
        import aiomqtt

        failed: list[aiomqtt.MqttError] = []

        async def until_lost(part: Callable[[], Awaitable[None]]) -> None:
            try:
                await part()
            except aiomqtt.MqttError as error:
                failed.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for part in (self._greet_and_listen, self._hand_on, self._show):
                tasks.start_soon(until_lost, part, name=f"{self._feed.sink} {part.__name__}")
        if failed:
            raise CloudError(f"the connection is lost: {failed[0]}") from failed[0]

    async def _greet_and_listen(self) -> None:
        """Birth; and discovery now, and each time that Home Assistant starts."""
        await self._retain(self._topics.birth, _state("online"))
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
