"""The agent as a process of its own: signals, settings read again, what is left when it is killed."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from splitter.nano.scenes import picture
from tests.edge.agent.life.process import PATIENCE, Setting, send
from tests.edge.agent.sources.cameras import ScriptedCamera, http_camera


@pytest.fixture
def setting(tmp_path: Path, bundle_path: Path) -> Iterator[Setting]:
    found = Setting(tmp_path, bundle_path)
    yield found
    found.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(setting: Setting, number: signal.Signals) -> None:
    setting.write(setting.folder_source())
    setting.put("a.png")
    agent = setting.run()
    assert agent.answer()["route"] == "local"
    send(agent, number)
    assert agent.ends() == 0
    assert json.loads((setting.cache / "agent-day.json").read_text())["sources"]["inbox"][1] > 0
    assert list((setting.cache / "times").iterdir())


def test_settings_are_read_again_and_files_are_not_asked_about_twice(setting: Setting) -> None:
    setting.write(setting.folder_source())
    setting.put("a.png")
    agent = setting.run()
    assert agent.answer()["source"] == "inbox"
    setting.write(setting.folder_source(), setting.folder_source("second", "existing = false"))
    send(agent, signal.SIGHUP)
    agent.says("is read again")
    agent.says("source second is open")  # what lies there from now on is new to it
    setting.put("b.png", 78)
    assert sorted(agent.answer()["source"] for _ in range(2)) == ["inbox", "second"]
    send(agent, signal.SIGTERM)
    assert agent.ends() == 0


def test_a_file_that_is_wrong_leaves_the_old_settings(setting: Setting) -> None:
    setting.write(setting.folder_source())
    agent = setting.run()
    agent.says("watches 1 sources")
    setting.write(setting.folder_source(more='rate = "often"').replace('rate = "100/s"\n', ""))
    send(agent, signal.SIGHUP)
    assert "source[0].rate: 'often' is no rate" in agent.says("the old settings stay")
    setting.put("a.png")
    assert agent.answer()["source"] == "inbox"


def test_settings_that_are_wrong_at_the_start_are_said(setting: Setting) -> None:
    setting.write('kind = "folder"\nname = "inbox"')
    agent = setting.run()
    assert "missing required field `path`" in agent.says("isthmus: ")
    assert agent.ends() == 3


def test_a_camera_that_hangs_holds_up_no_end(setting: Setting) -> None:
    with http_camera(ScriptedCamera(0, hangs=True)) as camera:
        setting.write(f'kind = "stream"\nname = "door"\nurl = "{camera.url}"\nopen-timeout = "10min"')
        agent = setting.run()
        agent.says("watches 1 sources")
        while not camera.connections:
            assert agent.process.poll() is None
        send(agent, signal.SIGTERM)
        assert agent.ends() == 0
        assert "geheim" not in agent.rest()


def test_a_camera_that_is_lost_and_back_is_said_once_each(setting: Setting) -> None:
    with http_camera(ScriptedCamera(30)) as camera:
        url = camera.url.replace("user:geheim@", "")
        setting.write(f'kind = "stream"\nname = "door"\nurl = "{url}"\nrate = "50/s"')
        agent = setting.run()
        assert agent.answer()["source"] == "door"
        agent.says("source door is lost")
        agent.says("source door is back after")
        assert camera.connections > 1


def test_pictures_on_standard_input_are_answered_and_the_end_ends_it(setting: Setting) -> None:
    setting.write('kind = "stdin"\nname = "pipe"\nrate = "100/s"\ngate = {enabled = true}')
    agent = setting.run()
    png = cv2.imencode(".png", picture(77).image[..., ::-1])[1].tobytes()
    assert agent.process.stdin
    agent.process.stdin.write(png * 3)
    agent.process.stdin.close()
    assert [agent.answer()["reused"] for _ in range(3)] == [None, 1, 1]
    assert agent.ends() == 0


def test_a_budget_that_is_spent_holds_questions_back_and_outlives_a_restart(setting: Setting) -> None:
    setting.write(setting.folder_source(more='joules-per-day = "0.000001J"'))
    setting.put("a.png")
    agent = setting.run()
    agent.answer()
    setting.put("b.png")
    agent.says("the day's joules are used")
    send(agent, signal.SIGTERM)
    assert agent.ends() == 0
    again = setting.run()
    again.says("the day's joules are used")


def test_systemd_is_told(setting: Setting) -> None:
    setting.write(setting.folder_source())
    path = str(setting.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(PATIENCE)
        agent = setting.run(NOTIFY_SOCKET=path, WATCHDOG_USEC="300000")
        told = told_until(systemd, "READY=1")
        told += told_until(systemd, "WATCHDOG=1")
        send(agent, signal.SIGHUP)
        told += told_until(systemd, "RELOADING=1") + told_until(systemd, "READY=1")
        send(agent, signal.SIGTERM)
        told += told_until(systemd, "STOPPING=1")
    assert agent.ends() == 0
    assert told[-1] == "STOPPING=1"


def told_until(systemd: socket.socket, first: str) -> list[str]:
    """The first lines of what it was told, until one of them comes."""
    found = [""]
    while found[-1] != first:
        found.append(systemd.recv(1000).decode().splitlines()[0])
    return found
