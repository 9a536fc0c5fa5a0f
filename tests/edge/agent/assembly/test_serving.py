"""`isthmus edge run` as an operator starts it: it answers over HTTP until it is told to end."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from protos.bundle import Bundle
from tests.edge.agent.http.serving import MODEL, asked, data_url, png, scene

ROOT = Path(__file__).parents[4]


def test_applications_ask_until_the_agent_ends(bundle: Bundle, tmp_path: Path) -> None:
    settings = tmp_path / "agent.toml"
    settings.write_text(f'bundle = "{bundle.path}"\n[http]\nlisten = "127.0.0.1:0"\n')
    command = [sys.executable, "-m", "isthmus", "edge", "run", str(settings)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr
        url = next(found[1] for line in agent.stderr if (found := re.match(r"HTTP at (http://\S+)", line)))
        body = {"model": MODEL, "messages": asked(data_url(png(scene())))}
        reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
        agent.send_signal(signal.SIGINT)
        agent.stderr.read()
    assert reply.json()["isthmus"]["route"] == "local"
    assert agent.returncode in {130, -signal.SIGINT}
