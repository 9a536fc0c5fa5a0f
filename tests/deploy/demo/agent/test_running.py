"""The agent as a person meets it: on the live page, over OpenAI's API from a shell, until it ends."""

import json
import subprocess
from pathlib import Path

import cv2
import httpx
import pytest

from deploy.demo.agent.asking import curl_line
from deploy.demo.agent.belt import SECONDS, frame
from deploy.demo.agent.configuration import QUESTION
from deploy.demo.agent.running import running_agent, stay
from deploy.demo.agent.words import invitation
from protos.bundle import Bundle
from protos.errors import CloudError

pytestmark = pytest.mark.slow


def test_what_it_invites_to_can_be_opened_until_it_ends(bundle: Bundle, tmp_path: Path) -> None:
    picture = tmp_path / "belt.png"
    cv2.imwrite(str(picture), frame(0, SECONDS / 2)[..., ::-1])
    with running_agent(bundle, tmp_path) as agent:
        curl = curl_line(agent.address, picture, QUESTION)
        told = "\n".join(invitation(agent, curl))
        page = httpx.get(f"{agent.address}/")
        asked = subprocess.run(["bash", "-c", curl], capture_output=True, check=True)
        settings = agent.settings.read_text()
        agent.process.kill()
        with pytest.raises(CloudError, match="the agent ended with status -9"):
            stay(agent)
    assert page.status_code == 200
    assert json.loads(asked.stdout)["choices"][0]["message"]["content"] == "1"
    assert f"{agent.address}/metrics" in told
    assert curl in told
    assert str(agent.heard.port) in settings
    assert not agent.places.folder.exists()
