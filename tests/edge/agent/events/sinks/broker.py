"""A real mosquitto, that can be stopped and started, and what it was told."""

import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import anyio
import msgspec
import pytest

from tests.edge.agent.events.sinks.feeding import until

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
mosquitto_only = pytest.mark.skipif(
    not shutil.which(MOSQUITTO), reason="no mosquitto here (Debian: mosquitto): nothing of MQTT is tested"
)


@contextmanager
def mosquitto(folder: Path, port: int, *lines: str) -> Iterator[None]:
    """A broker with these lines of configuration; who is not named may do all unless they say otherwise."""
    anyone = () if any("allow_anonymous" in line for line in lines) else ("allow_anonymous true",)
    config = folder / "mosquitto.conf"
    config.write_text("\n".join((f"listener {port} 127.0.0.1", "user root", *anyone, *lines, "")))
    with subprocess.Popen([MOSQUITTO, "-c", config], stderr=subprocess.DEVNULL) as process:
        try:
            _await(process, port)
            yield
        finally:
            process.terminate()


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            continue
        return
    raise AssertionError(f"mosquitto ended with status {process.returncode}")


class Heard:
    """What a subscriber of everything was told, by topic."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.messages: list[tuple[str, Any, bool]] = []  # topic, payload, whether it had been retained

    def on(self, topic: str) -> list[Any]:
        return [payload for name, payload, _ in self.messages if name == topic]

    async def says(self, topic: str, last: Any) -> None:
        """Returns once the last message of a topic is this."""
        await until(lambda: (self.on(topic) or [None])[-1] == last)

    async def count(self, topic: str, count: int) -> list[Any]:
        await until(lambda: len(self.on(topic)) >= count)
        return self.on(topic)

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            try:
                payload = msgspec.json.decode(message.payload)
            except msgspec.DecodeError:
                payload = message.payload.decode()
            self.messages.append((message.topic.value, payload, message.retain))


@asynccontextmanager
async def listening(port: int, **options: Any) -> AsyncIterator[Heard]:
    async with aiomqtt.Client("127.0.0.1", port, **options) as client:
        heard = Heard(client)
        await client.subscribe("#", qos=1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(heard.listen)
            yield heard
            tasks.cancel_scope.cancel()
