"""A real agent that is killed between an event and its delivery."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from bench.rig.ports import free_port
from edge.agent.events.event import Event
from edge.agent.events.log.reading import read_events
from tests.edge.agent.events.sightings import PICTURE
from tests.edge.agent.events.sinks.feeding import until
from tests.edge.agent.events.sinks.webhook_server import WebhookServer, serving
from tests.house import ROOT

pytestmark = pytest.mark.slow


@contextmanager
def agent(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """It is killed at the end, if it is not before."""
    command = [sys.executable, "-m", "isthmus", "edge", "run", str(folder / "agent.toml"), "--json"]
    environment = os.environ | {"ISTHMUS_CACHE": str(folder / "cache")}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_it_delivers_what_waited_and_fires_nothing_again(bundle_path: Path, tmp_path: Path) -> None:
    pictures, log, port = tmp_path / "pictures", tmp_path / "events.db", free_port()
    pictures.mkdir()
    cv2.imwrite(str(pictures / "one.png"), PICTURE)
    (tmp_path / "agent.toml").write_text(f"""
bundle = "{bundle_path}"
fleet = "plant"
device = "gate-3"

[event-log]
path = "{log}"
thumbnail = 32

[[sink]]
kind = "webhook"
name = "desk"
url = "http://127.0.0.1:{port}/"

[[source]]
kind = "folder"
name = "inbox"
path = "{pictures}"

[[source.question]]
name = "what"
text = "describe the image"

[[source.question.event]]
name = "anything"
matches = "."
""")
    with agent(tmp_path) as first:
        assert first.stdout
        assert json.loads(first.stdout.readline())["question"] == "what"
        first.kill()
    (logged,) = read_events(log, 0)
    assert (logged.waiting, logged.thumbnail) == (["desk"], True)
    server = WebhookServer()
    with serving(server, port), agent(tmp_path) as second:
        (posted,) = await server.has(1)
        assert second.stdout
        assert json.loads(second.stdout.readline())["question"] == "what", "the same frame was answered again"
        await until(lambda: not read_events(log, 0)[0].waiting)
    assert Event.parse(posted.body) == logged.event
    assert len(server.posted) == len(read_events(log, 0)) == 1
