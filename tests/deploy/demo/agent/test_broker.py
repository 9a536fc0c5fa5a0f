import time

import aiomqtt
import anyio

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
