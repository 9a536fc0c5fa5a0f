"""An agent without a link keeps its questions, dies, and gives the answers once there is a cloud."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from edge.testing.scripted_cloud import says, serving
from splitter.nano.scenes import picture
from tests.cloud.calling import png
from tests.edge.agent.http.serving import MODEL, asked, data_url
from tests.edge.agent.http.test_metrics import samples

ROOT = Path(__file__).parents[4]
SETTINGS = """
bundle = "{bundle}"
[cloud]
address = "{address}"
[rules]
local = false
never-upload = true
[outbox]
path = "{folder}/outbox.db"
[[source]]
kind = "folder"
name = "inbox"
path = "{folder}/in"
[[source.question]]
name = "what"
text = "describe the image"
defer = "1h"
"""


def test_a_question_outlives_the_agent_that_it_was_asked_of(bundle_path: Path, tmp_path: Path) -> None:
    address = free_address()
    settings = tmp_path / "agent.toml"
    settings.write_text(SETTINGS.format(bundle=bundle_path, address=address, folder=tmp_path))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(png(picture(1).image))
    with running(settings) as agent:
        assert agent.stderr
        kept = next(line for line in agent.stderr if "deferred as" in line)
    (tmp_path / "in/a.png").unlink()
    with serving(says("a red square"), address) as cloud, running(settings) as agent:
        assert agent.stdout
        seen: dict[str, Any] = json.loads(next(iter(agent.stdout)))
    assert (seen["source"], seen["question"], seen["answer"]) == ("inbox", "what", "a red square")
    _, _, words = kept.strip().split(" ", 2)  # behind the day and the time
    assert words == f"source inbox, question what: deferred as {seen['deferred']}"
    (asked,) = cloud.requests
    assert asked.idempotency_key.hex() == seen["deferred"]
    assert asked.WhichOneof("input") == "features"  # no picture lay on the disk either


def test_an_application_fetches_the_answer_that_its_question_waited_for(
    bundle_path: Path, tmp_path: Path
) -> None:
    address = free_address()
    settings = tmp_path / "agent.toml"
    (tmp_path / "in").mkdir()
    listen = '[http]\nlisten = "127.0.0.1:0"\n'
    settings.write_text(SETTINGS.format(bundle=bundle_path, address=address, folder=tmp_path) + listen)
    with running(settings) as agent:
        assert agent.stderr
        url = next(line for line in agent.stderr if "HTTP at" in line).split()[-1]
        body = {
            "model": MODEL,
            "messages": asked(data_url(png(picture(1).image))),
            "isthmus": {"defer": "1h"},
        }
        with httpx.Client(base_url=url, timeout=60) as client:
            kept = client.post("/v1/chat/completions", json=body)
            place = kept.headers["location"]
            waits = client.get(place), samples(client.get("/metrics").text)
            with serving(says("a red square"), address) as cloud:
                while (found := client.get(place)).status_code == 202:
                    time.sleep(0.1)
    assert (kept.status_code, waits[0].status_code, found.status_code) == (202, 202, 200)
    assert waits[1]["isthmus_outbox_waiting"] == {(): 1}
    assert found.json()["choices"][0]["message"]["content"] == "a red square"
    assert len(cloud.requests) == 1


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def running(settings: Path) -> Iterator[subprocess.Popen[str]]:
    """An agent, killed in the end."""
    command = [sys.executable, "-m", "isthmus", "edge", "run", str(settings), "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as agent:
        try:
            yield agent
        finally:
            agent.kill()
