import time

import aiomqtt
import anyio
import pytest

from deploy.demo.agent.broker import local_broker


def test_events_are_counted_and_states_are_not() -> None:
    with local_broker() as heard:
        anyio.run(publish, heard.port)
        while heard.count < 2:
            time.sleep(0.01)
    assert heard.count == 2


async def publish(port: int) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish("isthmus/v1/demo/belt-1/events/belt/square/state", b'{"state": "on"}', qos=1)
        for phase in (b"begin", b"end"):
            await client.publish(
                "isthmus/v1/demo/belt-1/events/belt/square", b'{"phase": "%s"}' % phase, qos=1
            )


async def newer(port: int) -> None:
    """A client of MQTT 5, and one that says nothing that is any."""
    with pytest.raises(aiomqtt.MqttError, match="Unsupported protocol version"):
        await aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5).__aenter__()
    async with await anyio.connect_tcp("127.0.0.1", port) as stranger:
        await stranger.send(b"GET / HTTP/1.1\r\n\r\n")


def test_who_speaks_mqtt_5_is_told_at_once_that_it_is_not_known() -> None:
    with local_broker() as heard:
        anyio.run(newer, heard.port)
        anyio.run(publish, heard.port)
        while heard.count < 2:
            time.sleep(0.01)
