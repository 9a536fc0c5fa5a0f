"""An MQTT broker in this process, and a subscriber that counts what it is told."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiomqtt
import anyio
import msgspec
from anyio.from_thread import start_blocking_portal

from bench.rig.ports import free_port

_PLUGINS: dict[str, Any] = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


class HeardEvents:
    """Beginnings and ends of events, as a subscriber gets them."""

    def __init__(self, port: int) -> None:
        self.port, self.count = port, 0

    async def listen(self, client: aiomqtt.Client) -> None:
        """Until cancelled."""
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            self.count += "phase" in msgspec.json.decode(message.payload)


@contextmanager
def local_broker() -> Iterator[HeardEvents]:
    """On a free port of loopback, for everybody on this machine."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_broker()) as heard:
        yield heard


@asynccontextmanager
async def _broker() -> AsyncIterator[HeardEvents]:
    from deploy.demo.agent.older_broker import OlderBroker  # amqtt, which only the demonstration needs

    port = free_port()
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    broker = OlderBroker({"listeners": {"default": listener}, "plugins": _PLUGINS})
    await broker.start()
    try:
        async with aiomqtt.Client("127.0.0.1", port) as client, anyio.create_task_group() as tasks:
            heard = HeardEvents(port)
            await client.subscribe("isthmus/v1/+/+/events/+/+", qos=1)
            tasks.start_soon(heard.listen, client, name="count events")
            yield heard
            tasks.cancel_scope.cancel()
    finally:
        await broker.shutdown()
