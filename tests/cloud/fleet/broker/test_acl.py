"""What mosquitto lets whom do by the file that is made for it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiomqtt
import pytest

import isthmus
from bench.rig.ports import free_port
from cloud.fleet.broker.acl import mosquitto_acl
from protos.errors import RequestError
from protos.fleet.topics import DeviceTopics
from tests.edge.agent.events.sinks.broker import mosquitto, mosquitto_only

MINE, OTHERS = DeviceTopics("acme", "gate-1"), DeviceTopics("acme", "gate-2")
FOREIGN = DeviceTopics("other", "gate-1")
PASSWORD = "geheim"

passwords_only = pytest.mark.skipif(not shutil.which("mosquitto_passwd"), reason="no mosquitto_passwd here")


@pytest.fixture
def port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[int]:
    """Of a broker with the file, and three users."""
    acl, passwords, found = tmp_path / "fleet.acl", tmp_path / "passwords", free_port()
    assert isthmus.main(["fleet", "acl", "--fleet", "acme"]) == 0
    acl.write_text(capsys.readouterr().out)
    passwords.touch(mode=0o600)
    for user in ("gate-1", "gate-2", "controller"):
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, PASSWORD], check=True)
    lines = ("allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}")
    with mosquitto(tmp_path, found, *lines):
        yield found


def user(name: str, port: int) -> AbstractAsyncContextManager[aiomqtt.Client]:
    return aiomqtt.Client("127.0.0.1", port, username=name, password=PASSWORD, timeout=20)


async def heard(client: aiomqtt.Client) -> str:
    """The topic of the next message."""
    return str((await anext(aiter(client.messages))).topic)


@mosquitto_only
@passwords_only
async def test_a_device_writes_its_own_topics_alone(port: int) -> None:
    async with user("controller", port) as controller, user("gate-1", port) as device:
        await controller.subscribe("isthmus/v1/acme/+/state", qos=1)
        await controller.subscribe("isthmus/v1/acme/+/shadow/desired", qos=1)
        for topic in (OTHERS.state, FOREIGN.state, MINE.desired, MINE.state):
            await device.publish(topic, b"{}", qos=1)
        assert await heard(controller) == MINE.state


@mosquitto_only
@passwords_only
async def test_a_device_reads_what_itself_is_told_alone(port: int) -> None:
    async with user("controller", port) as controller, user("gate-1", port) as device:
        for topic in (
            "isthmus/v1/acme/+/shadow/desired",
            OTHERS.desired,
            MINE.desired,
            MINE.jobs,
            OTHERS.state,
        ):
            await device.subscribe(topic, qos=1)
        for topic in (OTHERS.desired, FOREIGN.desired, OTHERS.job("a"), MINE.job("b")):
            await controller.publish(topic, b"{}", qos=1)
        assert await heard(device) == MINE.job("b")


@pytest.mark.parametrize(
    ("fleet", "controller"), [("acme/+", "controller"), ("acme", ""), ("acme", "a\nuser b")]
)
def test_names_that_would_be_other_rules_are_refused(fleet: str, controller: str) -> None:
    with pytest.raises(RequestError, match="is no name of a"):
        mosquitto_acl(fleet, controller)
