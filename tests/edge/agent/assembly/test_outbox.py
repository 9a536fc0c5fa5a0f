"""An agent without a link keeps its questions, dies, and gives the answers once there is a cloud."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.testing.scripted_cloud import says, serving
from splitter.nano.scenes import picture
from tests.cloud.calling import png

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
