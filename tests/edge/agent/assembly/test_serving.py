"""`isthmus edge run` as an operator starts it: it answers over HTTP until it is told to end."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from protos.bundle import Bundle
from tests.edge.agent.http.serving import MODEL, asked, data_url, png, scene

ROOT = Path(__file__).parents[4]


def test_applications_and_the_live_page_are_served_until_the_agent_ends(
    bundle: Bundle, tmp_path: Path
) -> None:
    settings = tmp_path / "agent.toml"
    settings.write_text(f"""bundle = "{bundle.path}"
[http]
listen = "127.0.0.1:0"
[[source]]
kind = "push"
name = "door"
[[source.question]]
name = "what"
text = "describe the image"
event = [{{ name = "anything", changed = true }}]
""")
    command = [sys.executable, "-m", "isthmus", "edge", "run", str(settings)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr
        found = (re.search(r"HTTP at (http://\S+)", line) for line in agent.stderr)
        url = next(match[1] for match in found if match)
        with httpx.Client(base_url=url, timeout=60) as client:
            body = {"model": MODEL, "messages": asked(data_url(png(scene())))}
            reply = client.post("/v1/chat/completions", json=body)
            for seed in (1, 2):
                assert client.post("/v1/push/door", content=png(scene(seed))).status_code == 202
            while "anything changed" not in (page := client.get("/").text):
                time.sleep(0.1)
            metrics = client.get("/metrics").text
        agent.send_signal(signal.SIGINT)
        agent.stderr.read()
    assert reply.json()["isthmus"]["route"] == "local"
    assert "door" in page
    assert 'isthmus_source_asked_total{source="door"}' in metrics
    assert agent.returncode == 0
