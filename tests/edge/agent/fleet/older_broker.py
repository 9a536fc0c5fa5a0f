"""A broker that knows MQTT 3.1.1 alone, and says nothing to who speaks another: amqtt, in a process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.rig.ports import free_port

_PROGRAM = """
import asyncio, sys
from amqtt.broker import Broker

async def run():
    listener = {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}
    anyone = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    await Broker({"listeners": {"default": listener}, "plugins": anyone}).start()
    print("it listens", flush=True)
    await asyncio.sleep(600)

asyncio.run(run())
"""


@contextmanager
def older_broker() -> Iterator[int]:
    """Its port."""
    port = free_port()
    command = [sys.executable, "-c", _PROGRAM, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline(), "it listens"
            yield port
        finally:
            process.kill()
