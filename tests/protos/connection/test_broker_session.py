"""What a real broker seldom does."""

from typing import Any, cast

import aiomqtt
import anyio
import pytest

from protos.connection.broker_session import subscribe, until_lost
from protos.errors import CloudError


class Strict:
    """A client whose broker says of each topic whether it may be heard."""

    async def subscribe(self, topics: list[tuple[str, int]]) -> list[int]:
        return [128 if topic == "others" else qos for topic, qos in topics]


async def test_a_topic_that_the_broker_does_not_let_a_device_hear_is_named() -> None:
    client = cast("aiomqtt.Client", cast("Any", Strict()))
    await subscribe(client, ["own", "jobs"], "this device")
    with pytest.raises(CloudError, match="does not let this device hear others; allow it in its ACL"):
        await subscribe(client, ["own", "others"], "this device")


@pytest.mark.parametrize(
    ("error", "words"),
    [(CloudError("it is not allowed"), "it is not allowed"), (aiomqtt.MqttError("reset"), "is lost: reset")],
)
async def test_what_ends_one_part_ends_all_and_is_what_is_said(error: Exception, words: str) -> None:
    async def fails() -> None:
        raise error

    with pytest.raises(CloudError, match=words):
        await until_lost([anyio.sleep_forever, fails], "fleet")
