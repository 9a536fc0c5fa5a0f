"""A connection to an MQTT broker, with a last will."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from edge.agent.broker.settings import BrokerSettings
from protos.connection.address import is_loopback
from protos.errors import CloudError

if TYPE_CHECKING:
    import aiomqtt

# brokers that do not know MQTT 5 may say nothing at all; on this machine none takes long over an answer
_NEWER_SECONDS, _NEWER_HERE_SECONDS = 5.0, 1.0
_MAX_QUEUED = 256  # messages that came and were not looked at; more are dropped, and logged
_KEEPALIVE_SECONDS, _TIMEOUT_SECONDS, _GOODBYE_SECONDS = 30, 10, 2
_OLDER_BROKER = 1  # a reason to refuse of MQTT 3.1.1: that version of the protocol is not known
_NO_VERSION = 132  # the same in MQTT 5


@dataclass(frozen=True)
class Presence:
    """A retained topic that says whether a device is there. The broker tells `gone` where the connection is
    lost, the device where it ends in order.
    """

    topic: str
    gone: bytes


class OlderBroker(CloudError):
    """It does not speak MQTT 5."""


def _timeout(host: str, *, newer: bool) -> float:
    if not newer:
        return _TIMEOUT_SECONDS
    return _NEWER_HERE_SECONDS if is_loopback(host) else _NEWER_SECONDS


@asynccontextmanager
async def connected(
    settings: BrokerSettings, identifier: str, presence: Presence, *, newer: bool = False
) -> AsyncIterator["aiomqtt.Client"]:
    """`newer`: over MQTT 5. Raises CloudError where there is no connection, OlderBroker where the broker does
    not know MQTT 5, RequestError for credentials that are none.
    """
    import aiomqtt

    access = settings.access
    broker = access.place
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        identifier=identifier,
        username=access.user or None,
        password=access.password(),
        will=aiomqtt.Will(presence.topic, presence.gone, qos=1, retain=True),
        keepalive=_KEEPALIVE_SECONDS,
        max_queued_incoming_messages=_MAX_QUEUED,
        timeout=_timeout(broker.host, newer=newer),
        tls_context=await anyio.to_thread.run_sync(access.tls),
        protocol=aiomqtt.ProtocolVersion.V5 if newer else aiomqtt.ProtocolVersion.V311,
    )
    try:
        await client.__aenter__()
    except aiomqtt.MqttError as error:
        refused = getattr(error, "rc", None) in (_OLDER_BROKER, _NO_VERSION)
        kind = OlderBroker if newer and refused else CloudError
        raise kind(f"no connection to {broker.host}: {error}") from error
    try:
        yield client
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(_GOODBYE_SECONDS, shield=True), suppress(aiomqtt.MqttError):
            await client.publish(presence.topic, presence.gone, qos=1, retain=True)
        raise
    finally:
        with anyio.move_on_after(_GOODBYE_SECONDS, shield=True), suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)
