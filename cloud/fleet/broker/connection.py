"""The connection to the fleet's broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiomqtt
import anyio
import anyio.to_thread

from protos.connection.broker import BrokerAccess
from protos.errors import CloudError

_KEEPALIVE_SECONDS, _TIMEOUT_SECONDS, _GOODBYE_SECONDS = 15, 10, 2
_MAX_PENDING = 1000  # calls that the broker has not acknowledged
_MAX_INCOMING = 50_000  # messages until they are taken over; what comes beyond is dropped and logged


@asynccontextmanager
async def connected_controller(access: BrokerAccess, fleet: str) -> AsyncIterator[aiomqtt.Client]:
    """As the one controller of a fleet: a broker hangs up on an earlier one. Raises CloudError
    where there is no connection, RequestError for credentials that are none.
    """
    broker = access.place
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        identifier=f"isthmus-controller-{fleet}",
        username=access.user or None,
        password=access.password(),
        keepalive=_KEEPALIVE_SECONDS,
        timeout=_TIMEOUT_SECONDS,
        tls_context=await anyio.to_thread.run_sync(access.tls),
        max_queued_incoming_messages=_MAX_INCOMING,
        max_inflight_messages=200,
    )
    client.pending_calls_threshold = _MAX_PENDING  # it warns beyond
    try:
        await client.__aenter__()
    except aiomqtt.MqttError as error:
        raise CloudError(f"no connection to the broker at {broker.host}: {error}") from error
    try:
        yield client
    finally:
        with anyio.move_on_after(_GOODBYE_SECONDS, shield=True), suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)
