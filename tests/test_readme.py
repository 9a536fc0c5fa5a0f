"""The README's commands, run as they are printed, in a shell; only the first split is told to have one cut,
measured on few pictures.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from splitter.nano.scenes import picture
from tests.edge.agent.events.sinks.broker import mosquitto, mosquitto_only
from tests.splitter.families.checkpoints import llava_clip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PORT, TLS_PORT, HTTP_PORT = 7070, 7443, 9464
BROKER_PORT, FLEET_PORT, AGENT_PORT = 1883, 7080, 8080
STEERED = """
device = "gate-3"
bundle = "{bundle}"
fleet = {{ name = "plant-7", address = "mqtt://127.0.0.1" }}
http = {{ listen = "127.0.0.1:8080" }}
"""
WITH_LOCAL = "isthmus split -o bundle --with-local"
SHORT = "--cuts connector --report-pictures 4"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone that is set up, and a home of its own with a checkpoint and photos."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "docs").symlink_to(ROOT / "docs")
    llava_clip(folder / "home" / "checkpoint")
    (folder / "home" / "photos").mkdir()
    for seed in range(8):
        cv2.imwrite(str(folder / "home" / "photos" / f"{seed}.png"), picture(seed).image[: 90 + seed])
    return folder


def block(heading: str, language: str = "sh") -> str:
    """The first block of a language behind a heading or a mark of the README."""
    _, _, behind = (ROOT / "README.md").read_text(encoding="utf-8").partition(heading)
    found = re.search(rf"```{language}\n(.*?)```", behind, re.DOTALL)
    assert found, heading
    return found[1]


def commands_of(mark: str, place: Path) -> str:
    """The lines of a block that call isthmus, or put its configuration in place, for who is not root."""
    lines = (line.removeprefix("sudo ").removeprefix("-u isthmus -H ") for line in block(mark).splitlines())
    kept = ("isthmus ", "/opt/isthmus/venv/bin/isthmus ", "install -D -m 644 agent.toml ")
    return here("\n".join(line for line in lines if line.startswith(kept)), place)


def here(text: str, place: Path) -> str:
    """A text in which what belongs into the root of a device lies below a folder."""
    text = text.replace("/opt/isthmus/venv/bin/isthmus", "isthmus")
    return re.sub(r"/(opt|etc|var/lib)/isthmus", rf"{place}/\1/isthmus", text)


def shell(commands: str, place: Path) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ISTHMUS", "XDG"))}
    path = os.pathsep.join((f"{sys.prefix}/bin", os.environ["PATH"]))  # as where it is activated
    return subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=place,
        env=kept | {"HOME": str(place / "home"), "OMP_NUM_THREADS": "1", "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def said(commands: str, place: Path) -> str:
    process = shell(commands, place)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


@contextmanager
def listening(commands: str, port: int, place: Path) -> Iterator[None]:
    """From where the service listens that these commands end with."""
    process = shell(commands, place)
    try:
        while process.poll() is None and not is_taken(port):
            time.sleep(0.2)
        assert process.poll() is None, process.communicate()[1]
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_five_commands_give_answers(place: Path) -> None:
    if taken := [port for port in (PORT, TLS_PORT, HTTP_PORT) if is_taken(port)]:
        pytest.skip(f"something else listens on ports {taken}")
    commands = block("<!-- first terminal -->")
    assert commands.count(WITH_LOCAL) == 1
    with listening(commands.replace(WITH_LOCAL, f"{WITH_LOCAL} {SHORT}"), PORT, place):
        out = said(block("<!-- second terminal -->"), place)
        sync, asynchronous = (
            said(f"python <<'END'\n{block(mark, 'python')}END", place)
            for mark in ("## Five commands", "<!-- asyncio -->")
        )
    *_, by_cloud, alone = out.splitlines()
    assert (by_cloud, alone) == ("orange", "1")
    assert sync.startswith("orange ")
    assert sync.split()[-1] == "1"
    assert asynchronous.startswith("a ")
    said(commands_of("<!-- where you split -->", place), place)
    (place / "agent.toml").write_text(here(block("## On the device", "toml"), place))
    checked = said(commands_of("<!-- on the device -->", place), place)
    assert "agent.toml is an agent's configuration: 1 sources" in checked
    assert (place / "opt/isthmus/bundle/manifest.json").exists()
    with listening(block("<!-- serve -->"), TLS_PORT, place):
        served = said(block("<!-- serve: another terminal -->"), place)
    answer, *_ = served.splitlines()
    assert answer == "orange"
    assert "nano" in served
    assert re.search(r'isthmus_cloud_requests_total\{.*status="OK"\} 1\.0', served)


@mosquitto_only
def test_a_fleet_of_one_device_is_tuned(place: Path, bundle_path: Path) -> None:
    ports = (BROKER_PORT, FLEET_PORT, AGENT_PORT)
    if taken := [port for port in ports if is_taken(port)]:
        pytest.skip(f"something else listens on ports {taken}")
    (place / "steered.toml").write_text(STEERED.format(bundle=bundle_path))
    with (
        mosquitto(place, BROKER_PORT),
        listening(block("<!-- operate -->"), FLEET_PORT, place),
        listening("isthmus edge run steered.toml", AGENT_PORT, place),
    ):
        known = "until isthmus fleet devices --json | grep gate-3; do sleep 0.1; done\n"
        said(known + block("<!-- operate: another terminal -->"), place)
        audited = json.loads(said("isthmus fleet audit --json", place))["audit"]
    assert "pattern write isthmus/v1/plant-7/%u/state" in (place / "fleet.acl").read_text()
    assert {"the link is slow", "it is there", "the new link is faster"} <= {one["why"] for one in audited}


def test_a_checkpoint_of_ones_own_is_split_shown_and_planned(place: Path) -> None:
    out = said(block("<!-- your own -->"), place)
    assert "connector" in out
