"""Controller and device, each as it is, over brokers of every kind that a fleet may have."""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import aiomqtt
import anyio
import pytest

from bench.rig.ports import free_port
from cloud.fleet.broker.acl import mosquitto_acl
from edge.agent.config.settings import AgentSettings
from edge.agent.fleet import link
from protos.bundle import Bundle
from protos.connection.broker import BrokerAccess
from protos.fleet.messages import to_json
from protos.fleet.topics import DeviceTopics
from tests.certificates import Authority, openssl_only
from tests.cloud.fleet.serving import served
from tests.cloud.fleet.telling import birth
from tests.edge.agent.events.sinks.broker import mosquitto, mosquitto_only
from tests.edge.agent.fleet.older_broker import older_broker
from tests.edge.agent.fleet.operator import DEVICE, FLEET
from tests.edge.agent.fleet.steered import opened, settings, steered


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))


async def set_and_reported(database: Path, device: AgentSettings, options: Sequence[str | Path]) -> None:
    """What an operator sets is in force on the device, and the controller knows that it is."""
    with served(str(database), 0, FLEET, options) as controller, opened(device) as agent:
        with anyio.fail_after(90):
            async with steered(agent):
                path = f"/api/v1/devices/{DEVICE}"
                await controller.until(path, lambda found: bool(found.get("reported")))
                controller.post("set", everything=True, settings={"weights": {"joule": 7}})
                await controller.until(path, lambda found: bool(found["reported_version"] == 1))
    assert agent.settings.weights.joule == 7.0


class Certified(NamedTuple):
    """A broker that knows who connects by certificates, and lets them do what `isthmus fleet acl` says."""

    port: int
    authority: Authority
    folder: Path

    def device(self, bundle: Bundle) -> AgentSettings:
        shown = self.authority.sign(DEVICE)
        return settings(
            0,
            bundle,
            address=f"mqtts://localhost:{self.port}",
            ca=str(self.authority.ca.path),
            **{"client-cert": str(shown.path), "client-key": str(shown.key)},
        )

    @property
    def controller(self) -> list[str | Path]:
        shown = self.authority.sign("controller")
        address = f"mqtts://localhost:{self.port}"
        return [
            *("--mqtt", address, "--mqtt-ca", self.authority.ca.path),
            *("--mqtt-cert", shown.path, "--mqtt-key", shown.key),
        ]


@pytest.fixture
def certified(authority: Authority, tmp_path: Path) -> Iterator[Certified]:
    server, acl = authority.sign("broker"), tmp_path / "fleet.acl"
    acl.write_text(mosquitto_acl(FLEET, "controller"))
    lines = [
        *(f"cafile {authority.ca.path}", f"certfile {server.path}", f"keyfile {server.key}"),
        *("require_certificate true", "use_identity_as_username true"),
        *("allow_anonymous false", f"acl_file {acl}"),
    ]
    with mosquitto(tmp_path, port := free_port(), *lines):
        yield Certified(port, authority, tmp_path)


@mosquitto_only
@openssl_only
async def test_by_certificates_over_tls(certified: Certified, bundle: Bundle) -> None:
    database = certified.folder / "fleet.db"
    await set_and_reported(database, certified.device(bundle), certified.controller)


@mosquitto_only
@openssl_only
async def test_a_device_that_says_it_is_another_is_not_heard(certified: Certified) -> None:
    shown = certified.authority.sign("gate-99")
    access = BrokerAccess(
        f"mqtts://localhost:{certified.port}",
        ca=certified.authority.ca.path,
        client_cert=shown.path,
        client_key=shown.key,
    )
    with served(str(certified.folder / "fleet.db"), 0, FLEET, certified.controller) as controller:
        await controller.until("/healthz", lambda found: bool(found["broker"]))
        async with aiomqtt.Client("localhost", certified.port, tls_context=access.tls()) as liar:
            for name in (DEVICE, "gate-99"):
                await liar.publish(DeviceTopics(FLEET, name).state, to_json(birth()), qos=1, retain=True)
        found = await controller.until("/api/v1/devices", lambda found: bool(found["devices"]))
    assert [device["name"] for device in found["devices"]] == ["gate-99"]


async def test_over_mqtt_3_alone(tmp_path: Path, bundle: Bundle) -> None:
    with older_broker() as port:
        address = f"mqtt://127.0.0.1:{port}"
        await set_and_reported(tmp_path / "fleet.db", settings(port, bundle), ["--mqtt", address])


@mosquitto_only
async def test_two_devices_of_one_name_are_told_to_the_operators(
    broker: int, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_FIRST_SECONDS", 0.1)
    monkeypatch.setattr(link, "_LONGEST_SECONDS", 0.2)
    async with AsyncExitStack() as stack:
        controller = stack.enter_context(served(str(tmp_path / "fleet.db"), broker, FLEET))
        for machine in ("one", "two"):
            monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / machine))
            agent = stack.enter_context(opened(settings(broker, bundle)))
            await stack.enter_async_context(steered(agent))
        with anyio.fail_after(60):
            path = f"/api/v1/devices/{DEVICE}"
            await controller.until(path, lambda found: found.get("connection") == "disputed")
