"""The units under a real systemd: started, read again, killed, hung and stopped."""

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import isthmus
from bench.rig.ports import free_port
from tests.certificates import Authority, openssl_only
from tests.deploy.systemd.booted import BootedSystem, booted_system, cannot_boot
from tests.house import ROOT

PROGRAM = "/opt/isthmus/venv/bin/isthmus"
AGENT, CLOUD, FLEET = "isthmus-edge", "isthmus-cloud", "isthmus-fleet"
SETTINGS = """
bundle = "/opt/isthmus/bundle"
http = {{ listen = "127.0.0.1:{port}" }}

[[source]]
kind = "push"
name = "door"

[[source.question]]
name = "circle"
text = "what color is the circle?"
"""

pytestmark = pytest.mark.skipif(bool(cannot_boot()), reason=cannot_boot())


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path) -> Iterator[BootedSystem]:
    """With the units and their user, as README.md has them installed."""
    with ExitStack() as opened:
        try:
            booted = opened.enter_context(booted_system(tmp_path_factory.mktemp("system"), bundle_path))
        except OSError as error:
            pytest.skip(str(error))
        booted.run("useradd", "--system", "--create-home", "--home-dir", "/var/lib/isthmus", "isthmus")
        for unit in (ROOT / "deploy/systemd").glob("*.service"):
            booted.write(f"/etc/systemd/system/{unit.name}", unit.read_text())
        yield booted


@pytest.fixture
def port(system: BootedSystem) -> Iterator[int]:
    """Of an agent that runs as a service."""
    found = free_port()
    system.write("/etc/isthmus/agent.toml", SETTINGS.format(port=found))
    system.run("systemctl", "daemon-reload")
    system.run("systemctl", "start", AGENT)
    yield found
    system.run("systemctl", "stop", AGENT)
    system.run("systemctl", "revert", AGENT)
    system.run("systemctl", "reset-failed", check=False)


def change(system: BootedSystem, *settings: str) -> None:
    """Of the agent's service, until the end of the test."""
    lines = "\n".join(("[Service]", *settings, ""))
    system.write(f"/etc/systemd/system/{AGENT}.service.d/changed.conf", lines)
    system.run("systemctl", "daemon-reload")


def push(port: int, picture: Path) -> None:
    httpx.post(f"http://127.0.0.1:{port}/v1/push/door", content=picture.read_bytes()).raise_for_status()


def test_it_is_active_when_it_watches_and_what_is_seen_is_in_no_journal(
    system: BootedSystem, port: int
) -> None:
    assert system.shows(AGENT, "ActiveState") == "active"
    assert "watches 1 sources" in system.journal(AGENT)
    push(port, ROOT / "docs/scene.png")
    metrics = f"http://127.0.0.1:{port}/metrics"
    while 'isthmus_answers_total{route="local",source="door"} 1.0' not in httpx.get(metrics).text:
        assert system.shows(AGENT, "ActiveState") == "active"
    assert "circle" not in system.journal(AGENT)


def test_its_settings_are_read_again_and_wrong_ones_change_nothing(system: BootedSystem, port: int) -> None:
    process = system.shows(AGENT, "MainPID")
    system.write("/etc/isthmus/agent.toml", SETTINGS.format(port=port) + '\n[[source]]\nname = "gate"\n')
    system.run("systemctl", "reload", AGENT)
    system.says(AGENT, "the old settings stay")
    system.write("/etc/isthmus/agent.toml", SETTINGS.format(port=port) + "[rules]\nnever-upload = true\n")
    system.run("systemctl", "reload", AGENT)
    system.says(AGENT, "is read again")
    assert system.shows(AGENT, "MainPID") == process


def test_it_is_started_anew_when_it_is_killed(system: BootedSystem, port: int) -> None:
    change(system, "RestartSec=100ms")
    system.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", AGENT)
    system.becomes(AGENT, NRestarts="1", ActiveState="active")
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").is_success


def test_it_is_started_anew_when_it_gives_no_sign_of_life(system: BootedSystem, port: int) -> None:
    change(system, "RestartSec=100ms", "WatchdogSec=5s", "TimeoutAbortSec=1s")
    system.run("systemctl", "restart", AGENT)
    process = system.shows(AGENT, "MainPID")
    system.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGSTOP", AGENT)
    system.until(AGENT, lambda: system.shows(AGENT, "MainPID") not in {process, "0"})
    system.becomes(AGENT, ActiveState="active")


def test_it_ends_in_order(system: BootedSystem, port: int) -> None:
    system.run("systemctl", "stop", AGENT)
    ended = {name: system.shows(AGENT, name) for name in ("ActiveState", "Result", "ExecMainStatus")}
    assert ended == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}


def test_settings_that_are_none_are_not_tried_again(system: BootedSystem, port: int) -> None:
    system.write("/etc/isthmus/agent.toml", "nonsense = 3\n")
    system.run("systemctl", "restart", AGENT, check=False)
    system.becomes(AGENT, ActiveState="failed", NRestarts="0", ExecMainStatus="3")
    assert "nonsense" in system.journal(AGENT)


@pytest.fixture
def cloud_options(system: BootedSystem, tmp_path: Path) -> Iterator[list[str]]:
    """Those that find the cloud, which runs as a service with its certificate and tokens."""
    authority, port = Authority(tmp_path), free_port()
    signed = authority.sign("cloud")
    system.write("/etc/isthmus/cloud.pem", signed.path.read_text())
    system.write("/etc/isthmus/cloud.key", signed.key.read_text())
    make = [PROGRAM, "cloud", "token", "camera-7", "--tokens", "/etc/isthmus/tokens"]
    (tmp_path / "token").write_text(system.run(*make))
    system.run("chown", "-R", "isthmus", "/etc/isthmus")
    system.run("mkdir", "/var/lib/isthmus-bundles")
    system.run("ln", "-s", "/opt/isthmus/bundle", "/var/lib/isthmus-bundles/current")
    unit = f"/etc/systemd/system/{CLOUD}.service"
    printed = (ROOT / "deploy/systemd" / f"{CLOUD}.service").read_text()
    elsewhere = printed.replace("0.0.0.0:443", f"127.0.0.1:{port}").replace(":9464", f":{free_port()}")
    assert elsewhere.count("127.0.0.1") == printed.count("127.0.0.1") + 1
    system.write(unit, elsewhere)
    system.run("systemctl", "daemon-reload")
    system.run("systemctl", "start", CLOUD)
    yield [
        f"--cloud=https://localhost:{port}",
        f"--ca={authority.ca.path}",
        f"--token-file={tmp_path / 'token'}",
    ]
    system.run("systemctl", "stop", CLOUD)


@pytest.mark.slow
@openssl_only
def test_the_cloud_answers_for_a_picture_within_its_bounds(
    system: BootedSystem, cloud_options: list[str], bundle_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["ask", str(ROOT / "docs/scene.png"), "what color is the circle?", "--route=upload", "--json"]
    assert isthmus.main([*asked, f"--bundle={bundle_path}", *cloud_options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["route"].startswith("upload")
    assert system.shows(CLOUD, "StatusText").startswith("serving nano ")
    journal = system.journal(CLOUD)
    assert all(json.loads(line) for line in journal.splitlines())
    assert told["text"] not in journal
    system.run("systemctl", "stop", CLOUD)
    assert (system.shows(CLOUD, "Result"), system.shows(CLOUD, "ExecMainStatus")) == ("success", "0")


@openssl_only
def test_the_controller_of_a_fleet_keeps_its_database_over_a_kill(
    system: BootedSystem, tmp_path: Path
) -> None:
    authority, port = Authority(tmp_path), free_port()
    signed = authority.sign("fleet")
    system.write("/etc/isthmus/fleet.pem", signed.path.read_text())
    system.write("/etc/isthmus/fleet.key", signed.key.read_text())
    make = [PROGRAM, "cloud", "token", "anna", "--role", "admin", "--tokens", "/etc/isthmus/fleet-tokens"]
    token = system.run(*make).split()[-1]
    system.run("chown", "-R", "isthmus", "/etc/isthmus")
    printed = (ROOT / "deploy/systemd" / f"{FLEET}.service").read_text()
    elsewhere = printed.replace("0.0.0.0:7080", f"127.0.0.1:{port}").replace(
        "RestartSec=5s", "RestartSec=100ms"
    )
    system.write(f"/etc/systemd/system/{FLEET}.service", elsewhere)
    system.run("systemctl", "daemon-reload")
    system.run("systemctl", "start", FLEET)
    system.becomes(FLEET, StatusText="leads, and has no broker")
    system.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", FLEET)
    system.becomes(FLEET, NRestarts="1", ActiveState="active")
    trusting = ssl.create_default_context(cafile=str(authority.ca.path))
    headers = {"Authorization": f"Bearer {token}"}
    found = httpx.get(f"https://localhost:{port}/api/v1/devices", verify=trusting, headers=headers)
    assert found.json() == {"devices": []}
    assert system.run("stat", "--format=%a %U", "/var/lib/isthmus-fleet") == "700 isthmus"
    system.run("systemctl", "stop", FLEET)
    assert (system.shows(FLEET, "Result"), system.shows(FLEET, "ExecMainStatus")) == ("success", "0")
